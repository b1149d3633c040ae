"""What a search brings, and who can search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from backdesk.agents.desk import Desk


class Hit(BaseModel):
    """Something that was found. `sample` says that it comes from documents on disk and not from the web."""

    model_config = ConfigDict(frozen=True)

    title: str
    url: str
    snippet: str = ""
    date: str = ""
    sample: bool = False


class SearchProvider(Protocol):
    """Searches. Raises RequestRefused for a question that it does not take, and TaskError when it fails."""

    async def search(self, desk: Desk, query: str, count: int) -> Sequence[Hit]: ...

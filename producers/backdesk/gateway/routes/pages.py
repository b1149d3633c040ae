"""Lists as they are answered."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel, Field

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """A part of a list. `cursor` goes on behind it, and is null at the end."""

    data: list[T]
    cursor: str | None = Field(None, description="Give it as `cursor` for what comes next; null at the end.")

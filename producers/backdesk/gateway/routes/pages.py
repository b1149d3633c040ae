"""Lists as they are answered."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel, Field

from backdesk.worker.model.job import JobRecord, JobRow

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """A part of a list. `cursor` goes on behind it, and is null at the end."""

    data: list[T]
    cursor: str | None = Field(None, description="Give it as `cursor` for what comes next; null at the end.")


class JobPage(Page[JobRecord | JobRow]):
    """A part of a list of jobs."""

    complete: bool = Field(True, description="Whether all that fits as far as the cursor is here.")
    looked_at: int = Field(0, description="Jobs that were looked at.")
    of: int | None = Field(None, description="How many there are to look at.")

"""A kind that loads something before its first job."""

from __future__ import annotations

from pydantic import BaseModel

from backdesk.worker import TaskContext, task


class Word(BaseModel):
    """What goes in, and comes out."""

    word: str = ""


@task("test.prepared", prepare=lambda: None)
async def prepared(_ctx: TaskContext, request: Word) -> Word:
    return request

"""The kind `example.kind`: one async function."""

from __future__ import annotations

from backdesk.worker import RetryPolicy, TaskContext, TaskError, task
from pydantic import BaseModel, Field


class ExampleKindRequest(BaseModel):
    """What is asked for."""

    text: str = Field(min_length=1, description="What is to be counted.")


class ExampleKindResult(BaseModel):
    """What comes out."""

    words: int


@task("example.kind", retry=RetryPolicy(attempts=3), timeout=60)
async def example_kind(ctx: TaskContext, request: ExampleKindRequest) -> ExampleKindResult:
    """Count words."""
    ctx.progress(0.1, "Counting")
    # What must not be done twice when a worker dies is a step: later attempts get its value.
    words = await ctx.step("count", count, request.text, effect="idempotent")
    return ExampleKindResult(words=words)


def count(text: str) -> int:
    """Return how many words there are. Raises TaskError when there are none."""
    words = len(text.split())
    if not words:
        raise TaskError("no_words", "There are no words in it.")
    return words

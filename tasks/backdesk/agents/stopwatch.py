"""Takes the time of a job's requests to its model, from the first request to the first text, and of all together."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from backdesk.agents.metering import ModelRequest, RequestUsage, Tell
from backdesk.worker.attempt.context import TaskContext


class Stopwatch:
    """The times of one attempt, kept as measures of the job; `clock` tells seconds. It is a gate that lets all pass.

    `first_token_seconds` is from the first request of the attempt that first had a text to tell, to this text.
    `model_seconds` is the time of all requests that were answered, `tokens_per_second` what they wrote in it.
    """

    def __init__(self, context: TaskContext, clock: Callable[[], float] = time.monotonic) -> None:
        self._context = context
        self._clock = clock
        self._first_began: float | None = None

    @asynccontextmanager
    async def __call__(self, request: ModelRequest) -> AsyncIterator[Tell]:
        """Enclose one request, which begins now."""
        began = self._clock()
        if self._first_began is None:
            self._first_began = began
        yield lambda used: self._answered(used, self._clock() - began)

    def text_told(self) -> None:
        """Note that watchers are told a text now."""
        if self._first_began is not None and "first_token_seconds" not in self._context.usage.measures:
            self._context.measure("first_token_seconds", self._clock() - self._first_began)

    def _answered(self, used: RequestUsage, seconds: float) -> None:
        known = self._context.usage.measures
        before = known.get("model_seconds", 0.0)
        tokens = known.get("tokens_per_second", 0.0) * before + used.output_tokens
        self._context.measure("model_seconds", before + seconds)
        if tokens and before + seconds > 0:
            self._context.measure("tokens_per_second", tokens / (before + seconds))

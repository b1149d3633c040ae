"""What one attempt keeps, tells and counts for the agents of another library that run in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Self

from backdesk.agents.reporter import Reporter
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.step_names import StepNames
from backdesk.worker.model.budget import Amount


class GuestJob:
    """The attempt at hand, as the agents in it see it. A library makes a class of its own of it, or takes this one."""

    def __init__(self, ctx: TaskContext) -> None:
        self.ctx = ctx
        self.reporter = Reporter(ctx)
        self.names = StepNames()
        self._requests = self._input_tokens = self._output_tokens = self._tool_calls = 0
        self._cost_usd: float | None = 0.0

    @classmethod
    def of(cls, ctx: TaskContext) -> Self:
        """Return the one job of an attempt for this library: a fallback goes on with the numbers of the body."""
        job: Self = ctx.aside.setdefault(f"{cls.__module__}.{cls.__qualname__}", cls(ctx))
        return job

    async def step(self, key: str, body: Callable[[], Awaitable[object]], effect: str) -> Any:
        """Run something once in the life of the job, and return what it returned, as JSON."""
        return await self.ctx.step(key, body, effect=effect, returns=Any)

    async def tool(self, key: str, tool: str, body: Callable[[], Awaitable[object]], effect: str) -> Any:
        """Run a call of a tool as a step, which the budgets of the job may refuse."""
        if not self.ctx.finished(key):
            await self.ctx.spend(Amount(tool_calls=1), purpose=f"the tool {tool}")
        self._tool_calls += 1
        self._note()
        return await self.step(key, body, effect)

    def answered(self, input_tokens: int, output_tokens: int, cost_usd: float | None) -> None:
        """Count an answer, also one that a former attempt was given: the sums are those of the whole job."""
        self._requests += 1
        self._input_tokens += input_tokens
        self._output_tokens += output_tokens
        unknown = self._cost_usd is None or cost_usd is None
        self._cost_usd = None if unknown else round((self._cost_usd or 0) + (cost_usd or 0), 9)
        self._note()

    def _note(self) -> None:
        noted = self.ctx.usage
        noted.requests, noted.tool_calls = self._requests, self._tool_calls
        noted.input_tokens, noted.output_tokens = self._input_tokens, self._output_tokens
        noted.cost_usd = self._cost_usd

"""The attempt at hand, as the durable agents in it see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pydantic_ai import ModelResponse, exceptions
from pydantic_ai.durable_exec import record_durable_unit
from pydantic_ai.models import Model

from backdesk.agents import Reporter, failure_of, metered_model
from backdesk.worker import Amount, StepNames, TaskContext, TaskError

#: Under which name an attempt keeps its job: a fallback goes on with the numbers of the body.
ASIDE = "pydantic_ai_backdesk"

_current: ContextVar[Job | None] = ContextVar("backdesk_job", default=None)
#: The agents whose runs enclose this code: one that calls itself is not at work twice at once.
_enclosing: ContextVar[frozenset[str]] = ContextVar("backdesk_enclosing", default=frozenset())


class Job:
    """What one attempt keeps, tells and counts for the agents that run in it."""

    def __init__(self, ctx: TaskContext) -> None:
        self.ctx = ctx
        self.reporter = Reporter(ctx)
        self.names = StepNames()
        self._requests = self._input_tokens = self._output_tokens = self._tool_calls = 0
        self._cost_usd: float | None = 0.0
        self._at_work: set[str] = set()

    @contextmanager
    def run_of(self, agent: str) -> Iterator[None]:
        """Enclose a run of an agent. Raises UserError for one beside another, whose steps would be mixed up."""
        enclosing = _enclosing.get()
        if agent in self._at_work and agent not in enclosing:
            raise exceptions.UserError(
                f"two runs of the agent {agent!r} in one job at the same time: a later attempt could not tell their "
                "steps apart. Give each an agent of its own name, or call a job for each."
            )
        nested = agent in self._at_work
        self._at_work.add(agent)
        token = _enclosing.set(enclosing | {agent})
        try:
            yield
        finally:
            _enclosing.reset(token)
            if not nested:
                self._at_work.discard(agent)

    async def step(self, key: str, body: Callable[[], Awaitable[object]], effect: str) -> Any:
        """Run something once in the life of the job, and return what it returned, as JSON."""
        ran = False

        async def run() -> Any:
            nonlocal ran
            ran = True
            return await body()

        value = await self.ctx.step(key, run, effect=effect, returns=Any)
        record_durable_unit(executed=ran)
        return value

    async def tool(self, key: str, tool: str, body: Callable[[], Awaitable[object]], effect: str) -> Any:
        """Run a call of a tool as a step, which the budgets of the job may refuse."""
        if not self.ctx.finished(key):
            await self.ctx.spend(Amount(tool_calls=1), purpose=f"the tool {tool}")
        self._tool_calls += 1
        self._note()
        return await self.step(key, body, effect)

    def metered(self, model: Model, agent: str) -> Model:
        """Return a model whose requests the limits and budgets of the job hold."""
        return metered_model(self.ctx, model, agent, self.reporter)

    def answered(self, response: ModelResponse) -> None:
        """Count an answer, also one that a former attempt was given: the sums are those of the whole job."""
        usage, known = response.usage, response.metadata or {}
        self._requests += 1
        self._input_tokens += usage.input_tokens
        self._output_tokens += usage.output_tokens
        cost = known.get("cost_usd")
        self._cost_usd = None if self._cost_usd is None or cost is None else round(self._cost_usd + cost, 9)
        self._note()

    def _note(self) -> None:
        noted = self.ctx.usage
        noted.requests, noted.tool_calls = self._requests, self._tool_calls
        noted.input_tokens, noted.output_tokens = self._input_tokens, self._output_tokens
        noted.cost_usd = self._cost_usd


def current() -> Job | None:
    """Return the job whose attempt this code runs in, None outside of one."""
    return _current.get()


@contextmanager
def durable(ctx: TaskContext) -> Iterator[None]:
    """Make the runs of agents with `BackdeskDurability` within the block steps of this job.

    What the library raises leaves the block as a failure of the job: ModelFailure for what the model did, TaskError
    (`agent_misused`) for an agent that cannot run as it is.
    """
    token = _current.set(ctx.aside.setdefault(ASIDE, Job(ctx)))
    try:
        yield
    except exceptions.UserError as error:
        raise TaskError("agent_misused", str(error)) from error
    except exceptions.AgentRunError as error:
        raise failure_of(error) from error
    finally:
        _current.reset(token)

"""The attempt at hand, as the durable agents in it see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pydantic_ai import ModelResponse, exceptions
from pydantic_ai.durable_exec import record_durable_unit
from pydantic_ai.models import Model

from backdesk.agents import GuestJob, failure_of, metered_model
from backdesk.worker import TaskContext, TaskError

_current: ContextVar[Job | None] = ContextVar("backdesk_job", default=None)
#: The agents whose runs enclose this code: one that calls itself is not at work twice at once.
_enclosing: ContextVar[frozenset[str]] = ContextVar("backdesk_enclosing", default=frozenset())


class Job(GuestJob):
    """What one attempt keeps, tells and counts for the agents that run in it."""

    def __init__(self, ctx: TaskContext) -> None:
        super().__init__(ctx)
        self._at_work: set[str] = set()
        #: Whether models can look at files, where their names do not say it.
        self.sees: bool | None = None

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

    def metered(self, model: Model, agent: str) -> Model:
        """Return a model whose requests the limits and budgets of the job hold."""
        return metered_model(self.ctx, model, agent, self.reporter, sees=self.sees)

    def got(self, response: ModelResponse) -> None:
        """Count an answer, also one that a former attempt was given."""
        usage, known = response.usage, response.metadata or {}
        self.answered(usage.input_tokens, usage.output_tokens, known.get("cost_usd"))


def current() -> Job | None:
    """Return the job whose attempt this code runs in, None outside of one."""
    return _current.get()


@contextmanager
def durable(ctx: TaskContext) -> Iterator[None]:
    """Make the runs of agents with `BackdeskDurability` within the block steps of this job.

    What the library raises leaves the block as a failure of the job: ModelFailure for what the model did, TaskError
    (`agent_misused`) for an agent that cannot run as it is.
    """
    token = _current.set(Job.of(ctx))
    try:
        yield
    except exceptions.UserError as error:
        raise TaskError("agent_misused", str(error)) from error
    except exceptions.AgentRunError as error:
        raise failure_of(error) from error
    finally:
        _current.reset(token)

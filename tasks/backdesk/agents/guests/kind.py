"""A kind of job of an agent that another library has made."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import timedelta
from typing import Annotated, Any, Generic, TypedDict, TypeVar

from pydantic import BaseModel, Field
from pydantic_core import to_json

from backdesk.agents.contract import MessageRequest
from backdesk.agents.kind import ATTEMPT_S, RETRY
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.registry import Fallback, FallbackFor
from backdesk.worker.attempt.task import task
from backdesk.worker.model.budget import Budget
from backdesk.worker.model.retry import RetryPolicy
from backdesk.worker.model.version import Mismatch

Out = TypeVar("Out")
R = TypeVar("R", bound=BaseModel)

LONGEST_MESSAGE = 200_000


class GuestJobRequest(MessageRequest):
    """A message to an agent, alone or as part of a conversation.

    It has nothing that only agents of cards look at: a field that was passed over would be a loss.
    """

    message: Annotated[str, Field(min_length=1, max_length=LONGEST_MESSAGE, json_schema_extra={"x-guarded": True})]


class JobUsage(BaseModel):
    """What a job has used of models; a cost of null is not known."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    tool_calls: int = 0
    cost_usd: float | None = None

    @classmethod
    def of(cls, ctx: TaskContext) -> JobUsage:
        """Return what the job has used until now."""
        return cls.model_validate(ctx.usage, from_attributes=True)


class GuestJobResult(BaseModel, Generic[Out]):
    """The answer of an agent."""

    answer: str = Field(description="What to tell the customer; a structured output as its JSON.")
    output: Out
    conversation_id: str = Field(description="The job's own id when the request named no conversation.")
    usage: JobUsage


class JobOptions(TypedDict, total=False):
    """The options of `task`. Without them a job is on the queue `agents`, and tried again as jobs of cards are."""

    queue: str
    retry: RetryPolicy
    timeout: float
    fallback: Fallback | None
    fallback_for: FallbackFor | None
    budget: Budget | Mapping[str, Any] | None
    retention: float | timedelta | None
    version: str | None
    resumes: str | Collection[str]
    mismatch: Mismatch | None
    slots: int


GuestBody = Callable[[TaskContext, Any], Awaitable[R]]
#: Gives what an agent depends on, of the attempt and the request; may be awaitable.
Dependencies = Callable[[TaskContext, Any], Any]


def guest_kind(
    body: GuestBody[R], *, kind: str, agent: str, request: type[BaseModel], result: type[R], options: JobOptions
) -> GuestBody[R]:
    """Register a body that has an agent answer, and return it. Raises ConfigurationError as `task` does."""
    body.__annotations__ = {"ctx": TaskContext, "asked": request, "return": result}
    body.__name__ = body.__qualname__ = agent
    body.__doc__ = f"Have the agent {agent} answer."
    usual: JobOptions = {"retry": RETRY, "timeout": ATTEMPT_S}
    registered: GuestBody[R] = task(kind, **(usual | options))(body)
    return registered


async def dependencies_of(made: Dependencies | None, ctx: TaskContext, asked: BaseModel) -> Any:
    """Return what an agent depends on in this attempt, None where that is nothing."""
    given = None if made is None else made(ctx, asked)
    return await given if inspect.isawaitable(given) else given


def answer_of(output: object) -> str:
    """Return an agent's output as it is told: a text as it is, anything else as JSON."""
    return output if isinstance(output, str) else to_json(output, fallback=str).decode()

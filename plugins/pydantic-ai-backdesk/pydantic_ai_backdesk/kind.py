"""A kind of job of an agent that exists."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Annotated, Any, Generic, Literal, TypeVar, get_type_hints

from pydantic import BaseModel, Field, ValidationError
from pydantic_ai import (
    DeferredToolRequests,
    ModelMessage,
    ModelMessagesTypeAdapter,
    NativeOutput,
    PromptedOutput,
    TextOutput,
    ToolOutput,
    UsageLimits,
)
from pydantic_ai.agent import AbstractAgent
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.run import AgentRunResult
from pydantic_core import to_json

from backdesk.agents import AgentRequest
from backdesk.worker import Budget, Category, Failure, InvalidRequest, RetryPolicy, TaskContext, task
from pydantic_ai_backdesk.durability import BackdeskDurability
from pydantic_ai_backdesk.job import durable
from pydantic_ai_backdesk.people import AskPeople

Out = TypeVar("Out")

#: As for agents of cards: somebody waits, an attempt that fails loses nothing, and what was garbled may be better then.
RETRY = RetryPolicy(base_s=2, cap_s=60, categories=RetryPolicy().categories | {Category.DATA_CORRUPTION})
ATTEMPT_S = 900.0
#: Of a conversation that a run gets to see.
MOST_TURNS = 20
LONGEST_MESSAGE = 200_000


class AgentJobRequest(AgentRequest):
    """A message to an agent, alone or as part of a conversation."""

    message: Annotated[str, Field(min_length=1, max_length=LONGEST_MESSAGE, json_schema_extra={"x-guarded": True})]
    message_history: list[dict[str, Any]] | None = Field(
        None, description="What was said before, in Pydantic AI's JSON, in place of the conversation that is kept."
    )


class JobUsage(BaseModel):
    """What a job has used of models; a cost of null is not known."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    tool_calls: int = 0
    cost_usd: float | None = None


class AgentJobResult(BaseModel, Generic[Out]):
    """The answer of an agent."""

    answer: str = Field(description="What to tell the customer; a structured output as its JSON.")
    output: Out
    conversation_id: str = Field(description="The job's own id when the request named no conversation.")
    usage: JobUsage
    model: str | None = Field(None, description="The model that gave the last answer.")


#: Gives what the agent depends on.
Deps = Callable[[TaskContext, Any], Any]
Body = Callable[[TaskContext, Any], Awaitable[AgentJobResult[Any]]]


def agent_job(
    agent: AbstractAgent[Any, Any],
    *,
    kind: str,
    request: type[AgentJobRequest] = AgentJobRequest,
    deps: Deps | None = None,
    approvals: AskPeople[Any] | None = None,
    usage_limits: UsageLimits | None = None,
    queue: str = "agents",
    retry: RetryPolicy = RETRY,
    timeout: float = ATTEMPT_S,
    fallback: Callable[[Any, Any, Failure], Any] | None = None,
    budget: Budget | Mapping[str, Any] | None = None,
    retention: float | timedelta | None = None,
    version: str | None = None,
    resumes: str | Collection[str] = (),
    mismatch: Literal["wait", "restart"] | None = None,
    slots: int = 1,
) -> Body:
    """Make a kind of job of an agent, and return its body, by which clients and other bodies may call it.

    The agent runs durably, with `BackdeskDurability` if it has none yet. `request` may have more fields, which
    `deps(ctx, request)` makes the agent's dependencies of, in each attempt. Calls that need approval are put before
    people, as `approvals` says. The remaining options are those of `task`. The result's `output` has the type of the
    agent's output.

    Raises ConfigurationError for options that do not fit, or a kind that there is already.
    """
    result_type = _result_of(_output_type(agent.output_type))
    asking = approvals or AskPeople()
    durability = _Durability(agent, kind)

    async def body(ctx: TaskContext, asked: AgentJobRequest) -> AgentJobResult[Any]:
        with durable(ctx):
            conversation = asked.conversation_id or ctx.job_id
            done: AgentRunResult[Any] = await agent.run(
                asked.message,
                message_history=await _history(ctx, asked, conversation),
                conversation_id=conversation,
                deps=await _made(deps, ctx, asked),
                usage_limits=usage_limits,
                capabilities=[asking, *durability.capabilities()],
                infer_name=False,
            )
            new = ModelMessagesTypeAdapter.dump_python(done.new_messages(), mode="json")
            await ctx.remember(conversation, new, owner=asked.customer_id)
        return result_type(
            answer=done.output if isinstance(done.output, str) else to_json(done.output, fallback=str).decode(),
            output=done.output,
            conversation_id=conversation,
            usage=JobUsage.model_validate(ctx.usage, from_attributes=True),
            model=done.response.model_name,
        )

    body.__annotations__ = {"ctx": TaskContext, "asked": request, "return": result_type}
    body.__name__ = body.__qualname__ = agent.name or kind
    body.__doc__ = f"Have the agent {agent.name or kind} answer."
    registered: Body = task(
        kind,
        queue=queue,
        retry=retry,
        timeout=timeout,
        fallback=fallback,
        budget=budget,
        retention=retention,
        version=version,
        resumes=resumes,
        mismatch=mismatch,
        slots=slots,
    )(body)
    return registered


class _Durability:
    """What makes an agent durable that is not so by itself; bound to it once, and again when its model is another."""

    def __init__(self, agent: AbstractAgent[Any, Any], kind: str) -> None:
        self._agent = agent
        self._given = BackdeskDurability.from_agent(agent) is not None
        self._added: BackdeskDurability[Any] = BackdeskDurability(name=agent.name or kind)
        self._bound: tuple[Any, AbstractCapability[Any]] | None = None

    def capabilities(self) -> list[AbstractCapability[Any]]:
        """Return what a run is given for it."""
        if self._given:
            return []
        model = self._agent.model
        if self._bound is None or self._bound[0] is not model:
            self._bound = model, self._added.for_agent(self._agent)
        return [self._bound[1]]


async def _history(ctx: TaskContext, asked: AgentJobRequest, conversation: str) -> list[ModelMessage]:
    if asked.message_history is None:
        past = await ctx.recall(conversation, owner=asked.customer_id, newest=MOST_TURNS)
        past.check_open()
        return ModelMessagesTypeAdapter.validate_python([said for turn in past.turns for said in turn.messages])
    try:
        return ModelMessagesTypeAdapter.validate_python(asked.message_history)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, ("message_history", *first["loc"])))
        raise InvalidRequest(where, first["msg"]) from None


async def _made(deps: Deps | None, ctx: TaskContext, asked: AgentJobRequest) -> Any:
    made = None if deps is None else deps(ctx, asked)
    return await made if inspect.isawaitable(made) else made


def _result_of(output: Any) -> type[AgentJobResult[Any]]:
    model: Any = AgentJobResult[output]
    return model  # type: ignore[no-any-return]  # a class that is made of what is known when it is called


def _output_type(spec: Any) -> Any:
    """Return the type of what an agent returns, Any where it is not said."""
    if isinstance(spec, Sequence) and not isinstance(spec, str):
        types = [_output_type(each) for each in spec if each is not DeferredToolRequests]
        return Any if not types or Any in types else reduce(or_, types)
    match spec:
        case ToolOutput(output=inner):
            return _output_type(inner)
        case NativeOutput(outputs=inner) | PromptedOutput(outputs=inner):
            return _output_type(inner)
        case TextOutput(output_function=function):
            return _returned(function)
    return _returned(spec) if inspect.isroutine(spec) else spec


def _returned(function: Callable[..., Any]) -> Any:
    return get_type_hints(function).get("return", Any)

"""A kind of job of an agent that exists."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import reduce
from operator import or_
from typing import Any, Generic, TypeVar, Unpack, get_type_hints

from pydantic import Field, ValidationError
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

from backdesk.agents import (
    Attachments,
    GuestBody,
    GuestJobRequest,
    GuestJobResult,
    JobOptions,
    JobUsage,
    answer_of,
    dependencies_of,
    guest_kind,
    prompt_with_files,
)
from backdesk.worker import InvalidRequest, TaskContext
from pydantic_ai_backdesk.durability import BackdeskDurability
from pydantic_ai_backdesk.job import Job, durable
from pydantic_ai_backdesk.people import AskPeople

Out = TypeVar("Out")

#: Of a conversation that a run gets to see.
MOST_TURNS = 20

#: Gives what the agent depends on.
Deps = Callable[[TaskContext, Any], Any]


class AgentJobRequest(GuestJobRequest):
    """A message to an agent, alone or as part of a conversation."""

    attachments: Attachments = Field(default_factory=list)
    message_history: list[dict[str, Any]] | None = Field(
        None, description="What was said before, in Pydantic AI's JSON, in place of the conversation that is kept."
    )


class AgentJobResult(GuestJobResult[Out], Generic[Out]):
    """The answer of an agent."""

    model: str | None = Field(None, description="The model that gave the last answer.")


def agent_job(
    agent: AbstractAgent[Any, Any],
    *,
    kind: str,
    request: type[AgentJobRequest] = AgentJobRequest,
    deps: Deps | None = None,
    approvals: AskPeople[Any] | None = None,
    usage_limits: UsageLimits | None = None,
    sees: bool | None = None,
    **options: Unpack[JobOptions],
) -> GuestBody[AgentJobResult[Any]]:
    """Make a kind of job of an agent, and return its body, by which clients and other bodies may call it.

    The agent runs durably, with `BackdeskDurability` if it has none yet. `request` may have more fields, which
    `deps(ctx, request)` makes the agent's dependencies of, in each attempt. Calls that need approval are put before
    people, as `approvals` says. Files that come with the message are given to models that can look at them, which their
    names say, or `sees`. The remaining options are those of `task`. The result's `output` has the type of the
    agent's output.

    Raises ConfigurationError for options that do not fit, or a kind that there is already.
    """
    result_type = _result_of(_output_type(agent.output_type))
    asking = approvals or AskPeople()
    durability = _Durability(agent, kind)

    async def body(ctx: TaskContext, asked: AgentJobRequest) -> AgentJobResult[Any]:
        with durable(ctx):
            Job.of(ctx).sees = sees
            conversation = asked.conversation_id or ctx.job_id
            done: AgentRunResult[Any] = await agent.run(
                await prompt_with_files(ctx, asked.message, asked.attachments),
                message_history=await _history(ctx, asked, conversation),
                conversation_id=conversation,
                deps=await dependencies_of(deps, ctx, asked),
                usage_limits=usage_limits,
                capabilities=[asking, *durability.capabilities()],
                infer_name=False,
            )
            new = ModelMessagesTypeAdapter.dump_python(done.new_messages(), mode="json")
            await ctx.remember(conversation, new, owner=asked.customer_id)
        return result_type(
            answer=answer_of(done.output),
            output=done.output,
            conversation_id=conversation,
            usage=JobUsage.of(ctx),
            model=done.response.model_name,
        )

    name = agent.name or kind
    return guest_kind(body, kind=kind, agent=name, request=request, result=result_type, options=options)


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

"""A kind of job of an agent that exists."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import timedelta
from typing import Annotated, Any, Generic, Literal, TypeVar

from agents import Agent, AgentOutputSchemaBase, RunConfig
from pydantic import BaseModel, Field
from pydantic_core import to_json

from backdesk.agents import AgentRequest
from backdesk.worker import Budget, Category, Failure, RetryPolicy, TaskContext, task
from openai_agents_backdesk.runner import WITHIN, run
from openai_agents_backdesk.session import ConversationSession
from openai_agents_backdesk.tools import check_effects

Out = TypeVar("Out")

#: As for agents of cards: somebody waits, an attempt that fails loses nothing, and what was garbled may be better then.
RETRY = RetryPolicy(base_s=2, cap_s=60, categories=RetryPolicy().categories | {Category.DATA_CORRUPTION})
ATTEMPT_S = 900.0
LONGEST_MESSAGE = 200_000


class AgentJobRequest(AgentRequest):
    """A message to an agent, alone or as part of a conversation."""

    message: Annotated[str, Field(min_length=1, max_length=LONGEST_MESSAGE, json_schema_extra={"x-guarded": True})]


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
    agent: str = Field(description="The agent that answered.")
    conversation_id: str = Field(description="The job's own id when the request named no conversation.")
    usage: JobUsage


#: Gives the context of the run.
Deps = Callable[[TaskContext, Any], Any]
Body = Callable[[TaskContext, Any], Awaitable[AgentJobResult[Any]]]


def agent_job(
    agent: Agent[Any],
    *,
    kind: str,
    effects: Mapping[str, str] | None = None,
    request: type[AgentJobRequest] = AgentJobRequest,
    context: Deps | None = None,
    approve_within: timedelta | None = WITHIN,
    run_config: RunConfig | None = None,
    max_turns: int = 10,
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

    `request` may have more fields, which `context(ctx, request)` makes the run's context of, in each attempt. For
    `effects` and approvals see `run`; the remaining options are those of `task`. The result's `output` has the output
    type of the agent; where it may hand over, any.

    Raises ConfigurationError for options that do not fit, ValueError for an effect that is none.
    """
    check_effects(effects or {})
    result_type = _result_of(Any if agent.handoffs else _output_type(agent))

    async def body(ctx: TaskContext, asked: AgentJobRequest) -> AgentJobResult[Any]:
        conversation = asked.conversation_id or ctx.job_id
        done = await run(
            ctx,
            agent,
            asked.message,
            effects=effects,
            approve_within=approve_within,
            run_config=run_config,
            context=await _made(context, ctx, asked),
            max_turns=max_turns,
            session=ConversationSession(ctx, conversation, owner=asked.customer_id),
        )
        output = done.final_output
        return result_type(
            answer=output if isinstance(output, str) else to_json(output, fallback=str).decode(),
            output=output,
            agent=done.last_agent.name,
            conversation_id=conversation,
            usage=JobUsage.model_validate(ctx.usage, from_attributes=True),
        )

    body.__annotations__ = {"ctx": TaskContext, "asked": request, "return": result_type}
    body.__name__ = body.__qualname__ = agent.name
    body.__doc__ = f"Have the agent {agent.name} answer."
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


async def _made(context: Deps | None, ctx: TaskContext, asked: AgentJobRequest) -> Any:
    made = None if context is None else context(ctx, asked)
    return await made if inspect.isawaitable(made) else made


def _result_of(output: Any) -> type[AgentJobResult[Any]]:
    model: Any = AgentJobResult[output]
    return model  # type: ignore[no-any-return]  # a class that is made of what is known when it is called


def _output_type(agent: Agent[Any]) -> Any:
    spec: Any = agent.output_type
    if spec is None:
        return str
    return getattr(spec, "output_type", Any) if isinstance(spec, AgentOutputSchemaBase) else spec

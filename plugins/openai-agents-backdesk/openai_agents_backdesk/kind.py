"""A kind of job of an agent that exists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Generic, TypeVar, Unpack

from agents import Agent, AgentOutputSchemaBase, RunConfig
from pydantic import Field

from backdesk.agents import (
    GuestBody,
    GuestJobRequest,
    GuestJobResult,
    JobOptions,
    JobUsage,
    answer_of,
    dependencies_of,
    guest_kind,
)
from backdesk.worker import TaskContext
from openai_agents_backdesk.runner import WITHIN, run
from openai_agents_backdesk.session import ConversationSession
from openai_agents_backdesk.tools import check_effects

Out = TypeVar("Out")

#: Gives the context of the run.
Deps = Callable[[TaskContext, Any], Any]


class AgentJobRequest(GuestJobRequest):
    """A message to an agent, alone or as part of a conversation."""


class AgentJobResult(GuestJobResult[Out], Generic[Out]):
    """The answer of an agent."""

    agent: str = Field(description="The agent that answered.")


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
    **options: Unpack[JobOptions],
) -> GuestBody[AgentJobResult[Any]]:
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
            context=await dependencies_of(context, ctx, asked),
            max_turns=max_turns,
            session=ConversationSession(ctx, conversation, owner=asked.customer_id),
        )
        return result_type(
            answer=answer_of(done.final_output),
            output=done.final_output,
            agent=done.last_agent.name,
            conversation_id=conversation,
            usage=JobUsage.of(ctx),
        )

    return guest_kind(body, kind=kind, agent=agent.name, request=request, result=result_type, options=options)


def _result_of(output: Any) -> type[AgentJobResult[Any]]:
    model: Any = AgentJobResult[output]
    return model  # type: ignore[no-any-return]  # a class that is made of what is known when it is called


def _output_type(agent: Agent[Any]) -> Any:
    spec: Any = agent.output_type
    if spec is None:
        return str
    return getattr(spec, "output_type", Any) if isinstance(spec, AgentOutputSchemaBase) else spec

"""What kinds are made of that let agents answer: how they are registered, and the one call that their bodies are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Literal, TypeVar, overload

from typing_extensions import Unpack

from backdesk.agents import published
from backdesk.agents.attachments import taken
from backdesk.agents.card import Agent, Out
from backdesk.agents.contract import AgentRequest, AgentResult
from backdesk.agents.desk import C, Desk
from backdesk.agents.exchange import Exchange
from backdesk.agents.failures import is_to_be_told
from backdesk.agents.journal import DESK
from backdesk.agents.running_call import NotInTime, running_call
from backdesk.agents.runtime import rehearse, said_by_customer
from backdesk.agents.team import Team
from backdesk.platform.deployment import deployment
from backdesk.platform.settings import RESPONSES_PREFIX
from backdesk.quality import sentiment
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.registry import Fallback, FallbackFor
from backdesk.worker.attempt.task import B, task
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.failure import Category
from backdesk.worker.memory.conversation import Conversation
from backdesk.worker.model.budget import Budget
from backdesk.worker.model.chat import Chat
from backdesk.worker.model.child import ChildEnd, ChildKeywords
from backdesk.worker.model.events import EventType
from backdesk.worker.model.job import JobState
from backdesk.worker.model.retry import RetryPolicy
from backdesk.worker.model.version import Mismatch

#: A customer waits: up to 2, 4, 8 and 16 s between attempts, or what the provider asks for. An attempt that fails loses
#: nothing but the request that failed, and what a model has garbled it may well say properly the next time.
RETRY = RetryPolicy(base_s=2, cap_s=60, categories=RetryPolicy().categories | {Category.DATA_CORRUPTION})
#: An attempt may well ask the model ten times; whatever it has finished by then is not lost.
ATTEMPT_S = 900.0
#: What a job is given at least that a tool calls whose time is just over. Seconds.
LEAST_S = 0.001

R = TypeVar("R", bound=AgentResult)


def agent_task(
    kind: str,
    *,
    fallback: Fallback | None = None,
    fallback_for: FallbackFor = is_to_be_told,
    outage_wait: float | timedelta | None = None,
    retry: RetryPolicy = RETRY,
    timeout: float = ATTEMPT_S,
    budget: Budget | Mapping[str, Any] | None = None,
    retention: float | timedelta | None = None,
    version: str | None = None,
    resumes: str | Collection[str] = (),
    mismatch: Mismatch | None = None,
    slots: int = 1,
    agents: Agent | Team[Any] | None = None,
    chat: Chat | Literal["usual"] | None = "usual",
) -> Callable[[B], B]:
    """Register a body as a kind that agents answer, on the queue `agents`; the options are those of `task`.

    `agents`, those that the body lets answer, have their prompts announced with the kind, for `backdesk prompt show`.
    They are talked to through the fields that all such kinds have, unless `chat` names others, or says None.
    A fallback answers in place of every failure that is not for the caller to mend, unless `fallback_for` says else.
    """
    return task(
        kind,
        queue="agents",
        retry=retry,
        timeout=timeout,
        fallback=fallback,
        fallback_for=fallback_for,
        outage_wait=outage_wait,
        budget=budget,
        prepare=prepare,
        retention=retention,
        version=version,
        resumes=resumes,
        mismatch=mismatch,
        slots=slots,
        prompts=Team.of(agents).announced_prompts() if agents is not None else (),
        chat=_usual_chat(agents) if chat == "usual" else chat,
    )


def _usual_chat(agents: Agent | Team[Any] | None) -> Chat:
    """Return how agents are talked to: what a gate may refuse is not shown before it has passed."""
    gated = agents is None or any(agent.quality is not None for agent in Team.of(agents).agents)
    return Chat(input="message", conversation="conversation_id", output="answer", text="final" if gated else "live")


def prepare() -> None:
    """Load what agents and the reviews of their answers load at their first use: a second of CPU, once a process."""
    settings = deployment().settings
    # Those first that leave room behind, which the others take.
    sentiment.load()
    published.put_away()
    rehearse(offline=settings.offline, responses=settings.model.startswith(RESPONSES_PREFIX))


@overload
async def answer(ctx: TaskContext, agents: Agent[Out], request: AgentRequest) -> AgentResult[Out]: ...


@overload
async def answer(ctx: TaskContext, agents: Team, request: AgentRequest) -> AgentResult: ...


@overload
async def answer(ctx: TaskContext, agents: Agent | Team, request: AgentRequest, result: type[R]) -> R: ...


async def answer(
    ctx: TaskContext, agents: Agent | Team, request: AgentRequest, result: type[AgentResult] | None = None
) -> AgentResult:
    """Have a team, or a single agent, answer a message; return what the caller gets, as that type of result.

    Without one its `output` is typed by what the agents answer by: `AgentResult[Parcel]` for an agent with
    `output=Parcel`. Goes on where a former attempt stopped. Raises ModelFailure, TaskError for a conversation that is
    another customer's, what budgets and limits raise, and before anything is asked ConfigurationError for a result that
    has no room for what an agent answers by.
    """
    team = Team.of(agents)
    team.check_result(result or team.result)
    return (await converse(ctx, team, request)).result(result or team.result)


async def converse(
    ctx: TaskContext, agents: Agent | Team[C], request: AgentRequest, context: C | None = None, *, done: float = 0.0
) -> Exchange[C]:
    """Do what `answer` does, for a kind that has more to say: its `result` takes the fields that only this kind has.

    `context` says what the kind itself knows; the fields that are set in it go before what the conversation brought.
    `done` is the part of the job that is behind it already: progress goes on from there. Raises as `answer`.
    """
    team: Team[C] = Team.of(agents)
    desk = desk_for(ctx, request)
    past = await ctx.recall(desk.conversation_id, owner=desk.customer_id, newest=team.memory.max_turns)
    past.check_open()
    desk.said_before = past_words(past)
    given = {name: getattr(context, name) for name in context.model_fields_set} if context is not None else {}
    desk.attached = await taken(ctx, request.attachments, desk.settings)
    desk.context = team.known(past).model_copy(update=given)
    ctx.aside[DESK] = desk
    exchange = Exchange.begin(ctx, team, desk, past, done=done)
    exchange.around.journal.accepts = partial(_says_more, request)
    async with desk.ending:
        await exchange.hear(ctx, request)
        await exchange.run()
        await exchange.remember(ctx)
    return exchange


_log = logging.getLogger(__name__)
#: The fields of a request that may differ in one that is answered with it.
_OF_ONE_MESSAGE = {"message", "conversation_id", "attachments"}


def _says_more(request: AgentRequest, other: Any) -> bool:
    """Whether another request, as JSON, is of the same customer and the same in all else but for its words.

    One with files is for a job of its own, which takes them.
    """
    more = type(request).model_validate(other)
    return not more.attachments and more.model_dump(exclude=_OF_ONE_MESSAGE) == request.model_dump(
        exclude=_OF_ONE_MESSAGE
    )


def past_words(past: Conversation) -> Callable[[], list[str]]:
    """Return a function that returns what the customer has written before, and reads it only when it is asked."""
    return partial(said_by_customer, [message for turn in past.turns for message in turn.messages])


def desk_for(ctx: TaskContext, request: AgentRequest) -> Desk:
    """Set up the desk of the job at hand. Raises ConfigurationError when a setting is wrong."""
    here = deployment()
    return Desk(
        here.database,
        ctx.tenant,
        request.customer_id,
        ctx.idempotency_key,
        here.settings,
        attempt=ctx.attempt,
        conversation_id=request.conversation_id or ctx.job_id,
        message=request.message,
        files=ctx.attached,
        flagged=tuple(dict.fromkeys(name for names in ctx.flagged.values() for name in names)),
        wishes=request.quality,
        system=ctx.system,
        start=partial(_start, ctx),
        call=partial(_call, ctx),
        tell=partial(_tell, ctx),
        plans=ctx.plans,
        shelf=ctx,
        reserve=ctx.reserve,
    )


async def _start(
    ctx: TaskContext, kind: str, request: dict[str, Any], key: str, delay: timedelta | None = None
) -> None:
    try:
        await ctx.start(kind, request, key, delay=delay)
    except InvalidRequest as error:  # UnknownKind among it, and what the tenant may not have
        _log.warning("not_started", extra={"key": key, "kind": kind, "reason": str(error)})


async def _call(ctx: TaskContext, kind: str, request: dict[str, Any], **options: Unpack[ChildKeywords]) -> ChildEnd:
    # Named by the tool's call: the jobs that parallel calls make are found again whichever comes first.
    under_way = running_call.get()
    if under_way is None:
        return await ctx.call(kind, request, **options)
    options["key"] = f"{under_way.key}/{options.get('key') or kind}"
    if under_way.until is None or "expires" in options:
        return await ctx.call(kind, request, **options)
    left_s = max(LEAST_S, under_way.until - asyncio.get_running_loop().time())
    options["expires"] = left_s
    end = await ctx.call(kind, request, **options)
    if end.state is JobState.EXPIRED:
        raise NotInTime(left_s)
    return end


def _tell(ctx: TaskContext, fraction: float | None = None, message: str = "", **data: Any) -> None:
    if (under_way := running_call.get()) is None:
        return
    known = {} if fraction is None else {"fraction": round(min(1.0, max(0.0, fraction)), 4)}
    told = {"tool": under_way.tool, "call_id": under_way.call_id, **known, "message": message, **data}
    ctx.emit(EventType.TOOL_PROGRESS, **told)

"""The kind `assistant.streaming`: sessions with an analyst who reports while it works and writes while it thinks.

A session is a conversation. It begins with its first message and can be closed; then it takes no more.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from backdesk.agents import Agent, Context, Desk, Team, agent_task, converse, desk_for
from backdesk.agents.contract import ModelUsage
from backdesk.agents.provider import current_model
from backdesk.kinds.streaming.advice import find_advice
from backdesk.kinds.streaming.contract import Complexity, Report, SessionSeen, StreamingRequest, StreamingResult
from backdesk.kinds.streaming.reporting import make_report
from backdesk.kinds.streaming.rules import decide
from backdesk.quality import DEFAULT_CHECKS, QualityGate
from backdesk.quality.form import Length
from backdesk.service.apology import apology
from backdesk.service.knowledge.tool import search_articles
from backdesk.service.tickets import open_ticket
from backdesk.shop.orders import look_up_order
from backdesk.shop.purchases import compare_spending, review_orders, spending_by_category, spending_by_month
from backdesk.tools.status import system_status
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.ledger import Effect
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category, Severity
from backdesk.worker.memory.conversation import Conversation

PROMPTS = Path(__file__).with_name("prompts")

#: The part of the progress that the stages of a report are; the rest is the answer's.
STAGES_SHARE = 0.7
#: A report may be longer than an answer is otherwise.
CHECKS = tuple(Length(most=8000) if isinstance(check, Length) else check for check in DEFAULT_CHECKS)
#: Who answers when a session is closed.
CLOSING = "session"


class Session(Context):
    """What goes on from message to message: since when, and the report that was made last."""

    started_at: datetime | None = None
    report: Report | None = None
    #: Of the report that this very message asked for, if it did.
    complexity: Complexity | None = None


async def _brief(desk: Desk[Session]) -> str:
    known = desk.context
    if known.report is None:
        return ""
    asked = "The customer asked for this report: give it to them." if known.complexity else "This report was given."
    sections = ("\n".join([f"{each.title}:", *(f"- {line}" for line in each.lines)]) for each in known.report.sections)
    return "\n".join([f"{asked} The report:", *sections])


ANALYST = Agent(
    "analyst",
    PROMPTS / "analyst.md",
    duty="Answering from what is known and found out",
    tools=(
        system_status,
        review_orders,
        spending_by_category,
        spending_by_month,
        compare_spending,
        find_advice,
        look_up_order,
        search_articles,
        open_ticket,
    ),
    briefing=_brief,
    quality=QualityGate(checks=CHECKS, shows="live"),
)
STREAMING = Team("streaming", (ANALYST,), rules=decide, context=Session)


@agent_task("assistant.streaming", agents=STREAMING, fallback=apology(StreamingResult, STREAMING))
async def assistant_streaming(ctx: TaskContext, request: StreamingRequest) -> StreamingResult:
    """Answer a message of a session while it is watched, after a report in stages if one is asked for; or close it."""
    desk: Desk[Session] = desk_for(ctx, request)
    past = await ctx.recall(desk.conversation_id, owner=desk.customer_id, newest=1)
    if request.action == "close":
        return await _close(ctx, desk, past)
    past.check_open()
    session: SessionSeen = await ctx.step("session", _session, desk, past, 1, effect=Effect.PURE)
    known = Session(started_at=session.started_at, complexity=request.complexity)
    if request.complexity is not None:
        report = await make_report(ctx, desk, request.complexity, share=STAGES_SHARE)
        known = known.model_copy(update={"report": report})
    exchange = await converse(ctx, STREAMING, request, known, done=STAGES_SHARE if request.complexity else 0.0)
    took = (desk.database.now() - session.started_at).total_seconds()
    return exchange.result(
        StreamingResult,
        session=session.model_copy(update={"duration_s": round(took, 3)}),
        report=known.report,
    )


def _session(desk: Desk[Session], past: Conversation, more: int) -> SessionSeen:
    """Return the session with so many messages more than were answered before."""
    head, now = past.head, desk.database.now()
    known = STREAMING.known(past)
    began, until = known.started_at or head.started_at or now, head.closed_at or now
    return SessionSeen(
        started_at=began,
        messages=_answered(past) + more,
        duration_s=round((until - began).total_seconds(), 3),
        closed_at=head.closed_at,
    )


def _answered(past: Conversation) -> int:
    # Not the count of the head, in which this job's own turn may be; and the turn that closed it is no message.
    return past.turns[-1].number - (past.head.closed_at is not None) if past.turns else 0


async def _close(ctx: TaskContext, desk: Desk[Session], past: Conversation) -> StreamingResult:
    """Close the session; one that is closed stays as it is. Raises TaskError when there is none."""
    if past.head.started_at is None:
        raise TaskError(
            "session_not_found",
            "There is no session of this conversation_id to close.",
            category=Category.VALIDATION,
            severity=Severity.LOW,
        )
    session: SessionSeen = await ctx.step("session", _session, desk, past, 0, effect=Effect.PURE)
    if session.closed_at is None:
        await ctx.remember(desk.conversation_id, [], owner=desk.customer_id, facts=past.facts, close=True)
        session = session.model_copy(update={"closed_at": desk.database.now()})
    model = current_model(desk.settings, STREAMING.rules)
    messages = f"{session.messages} message{'s' * (session.messages != 1)}"
    return StreamingResult(
        answer=f"The session is closed after {messages} and {session.duration_s:.0f} seconds.",
        agent=CLOSING,
        path=[CLOSING],
        conversation_id=desk.conversation_id,
        usage=ModelUsage(cost_usd=0.0),
        model=model.name,
        offline=model.offline,
        session=session,
    )

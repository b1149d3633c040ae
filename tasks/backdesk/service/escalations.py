"""Hand a matter to a person, with a promise of when they answer. A job does it once: its first promise holds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import ToolOutcome
from backdesk.agents.tools import tool
from backdesk.platform.business_hours import tell_moment
from backdesk.platform.contract import Priority
from backdesk.platform.tables import utc
from backdesk.service.announcements import announce_case
from backdesk.service.cases import open_case
from backdesk.service.contract import AgentsCause, Escalated, EscalationCause
from backdesk.service.details import for_people
from backdesk.service.response_times import priority_for, respond_by
from backdesk.service.tables import Escalation
from backdesk.shop.customers import zone_of
from backdesk.worker.attempt.ledger import Effect

Why = Annotated[
    AgentsCause,
    Field(
        description="wants_person: the customer asks for a human being. danger: somebody could get hurt. legal_threat: "
        "a lawyer, a court, an authority. repeated_failure: what was advised or done did not help, more than once."
    ),
]
Reason = Annotated[str, Field(description="The matter in a few words.")]
Details = Annotated[
    str,
    Field(description="What the customer wants, what was tried and found out, for one who has not read it all."),
]
Urgency = Annotated[
    Priority, Field(description="How soon a person must answer; danger is urgent and a legal threat high in any case.")
]


class EscalationReceipt(ToolOutcome):
    """A person has taken over."""

    escalation_id: str
    cause: EscalationCause
    reason: str
    priority: Priority
    #: In UTC; `promise` says it by the customer's clocks.
    respond_by: datetime
    promise: str
    #: True when this request was escalated already; its promise holds, and nothing was added.
    already_escalated: bool = False

    def summary(self) -> str:
        return f"escalation {self.escalation_id} ({self.priority}): {self.promise}"

    def action(self) -> Escalated:
        return Escalated(**self.model_dump(include=set(Escalated.model_fields) - {"type"}))


@tool(Effect.IDEMPOTENT, harmless=True)
async def escalate(
    desk: Desk, cause: Why, reason: Reason, details: Details, priority: Urgency = "normal"
) -> EscalationReceipt:
    """Hand the matter to a person, who answers the customer by the promised time. Tell the customer the promise."""
    return await hand_to_person(desk, cause, reason, details, priority)


async def hand_to_person(
    desk: Desk, cause: EscalationCause, reason: str, details: str, priority: Priority
) -> EscalationReceipt:
    """Do what `escalate` does, for whatever cause."""
    now = desk.database.now()
    urgency = priority_for(cause, priority)
    escalation = Escalation(
        tenant=desk.tenant,
        key=_key(desk),
        customer_id=desk.customer_id,
        conversation_id=desk.conversation_id,
        cause=cause,
        reason=for_people(reason.strip())[:200],
        details=for_people(details),
        priority=urgency,
        respond_by=respond_by(urgency, now, desk.settings.business_hours),
        escalated_at=now,
    )
    receipt = await desk.database.in_thread(lambda: _escalate_once(desk, escalation))
    await announce_case(desk, receipt.escalation_id, receipt.reason, receipt.priority, receipt.respond_by)
    return receipt


def _key(desk: Desk) -> str:
    return desk.key("escalation")


def _escalate_once(desk: Desk, escalation: Escalation) -> EscalationReceipt:
    try:
        with desk.database.write() as session:
            existing = _escalation_of(session, desk)
            if existing is not None:
                return _receipt(session, desk, existing, already_escalated=True)
            session.add(escalation)
            session.flush()
            receipt = _receipt(session, desk, escalation, already_escalated=False)
            open_case(session, desk, escalation, receipt.escalation_id, escalation.respond_by)
            return receipt
    except IntegrityError:
        with desk.database.read() as session:
            existing = _escalation_of(session, desk)
            if existing is None:  # some other constraint than "one a job"
                raise
            return _receipt(session, desk, existing, already_escalated=True)


def _escalation_of(session: Session, desk: Desk) -> Escalation | None:
    return session.scalars(select(Escalation).filter_by(tenant=desk.tenant, key=_key(desk))).one_or_none()


def _receipt(session: Session, desk: Desk, escalation: Escalation, *, already_escalated: bool) -> EscalationReceipt:
    by = utc(escalation.respond_by)
    return EscalationReceipt.model_validate(
        {
            "escalation_id": f"E-{escalation.id:06}",
            "cause": escalation.cause,
            "reason": escalation.reason,
            "priority": escalation.priority,
            "respond_by": by,
            "promise": f"A person answers by {tell_moment(by, zone_of(session, desk))}.",
            "already_escalated": already_escalated,
        }
    )

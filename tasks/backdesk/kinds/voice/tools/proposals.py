"""Propose an appointment, or a change of one: what is read back to the caller before anything is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.tools import tool
from backdesk.kinds.voice.contract import ProposedAppointment
from backdesk.kinds.voice.slots import free_advisors, in_utc, refusal_reason
from backdesk.kinds.voice.spoken_time import Unclear, resolve, tell
from backdesk.kinds.voice.tables import Appointment
from backdesk.kinds.voice.tools.times import (
    AdvisorName,
    Minutes,
    Words,
    free_times,
    known_advisor,
    no_such_advisor,
    zone_of,
)
from backdesk.shop.tables import Customer
from backdesk.worker.attempt.ledger import Effect

Topic = Annotated[str, Field(min_length=1, max_length=200, description="What it is about, in a few words.")]
AppointmentId = Annotated[
    int | None, Field(description="Which of the caller's appointments, by its id; may be left out when they have one.")
]
Change = Literal["booked", "moved", "cancelled"]


class Proposal(ProposedAppointment):
    """What was proposed, and when: a caller agrees to it by their next message, or not at all."""

    #: Names the change, whoever carries it out: the same proposal is carried out once.
    key: str
    #: Names the message that it was proposed at.
    turn: str


@dataclass(frozen=True, slots=True)
class _Wish:
    minutes: int
    advisor: str | None
    #: The appointment that is to be moved, whose own time is free for it.
    moved: int | None = None


class Proposed(ToolOutcome):
    """Read it back to the caller and ask whether it is right. Nothing is done yet."""

    proposal: Proposal

    def summary(self) -> str:
        what = self.proposal
        return f"to be {what.change}: {what.spoken} with {what.advisor}, {what.minutes} minutes"

    def learned(self) -> dict[str, Any]:
        return {"proposal": self.proposal}


@tool(Effect.PURE)
async def propose_appointment(
    desk: Desk, when: Words, topic: Topic, advisor: AdvisorName = None, minutes: Minutes = 30
) -> Proposed | Refusal:
    """Propose an appointment. Nothing is booked: read it back to the caller, and confirm once they have said yes."""

    def work(session: Session, zone: ZoneInfo) -> Proposed | Refusal:
        found = _free(session, desk, zone, when, _Wish(minutes, advisor))
        if isinstance(found, Refusal):
            return found
        starts_at, whom = found
        return _proposed(desk, zone, "booked", starts_at, advisor=whom, topic=topic, minutes=minutes)

    return await _for_customer(desk, work)


@tool(Effect.PURE)
async def propose_move(desk: Desk, when: Words, appointment_id: AppointmentId = None) -> Proposed | Refusal:
    """Propose another time for an appointment of the caller. Nothing is moved before they have said yes."""

    def work(session: Session, zone: ZoneInfo) -> Proposed | Refusal:
        own = _own(session, desk, zone, appointment_id)
        if isinstance(own, Refusal):
            return own
        found = _free(session, desk, zone, when, _Wish(own.minutes, own.advisor, own.id))
        if isinstance(found, Refusal):
            return found
        return _proposed(desk, zone, "moved", found[0], own)

    return await _for_customer(desk, work)


@tool(Effect.PURE)
async def propose_cancellation(desk: Desk, appointment_id: AppointmentId = None) -> Proposed | Refusal:
    """Propose to cancel an appointment of the caller. Nothing is cancelled before they have said yes."""

    def work(session: Session, zone: ZoneInfo) -> Proposed | Refusal:
        own = _own(session, desk, zone, appointment_id)
        return own if isinstance(own, Refusal) else _proposed(desk, zone, "cancelled", in_utc(own.starts_at), own)

    return await _for_customer(desk, work)


def appointments_of(session: Session, desk: Desk) -> list[Appointment]:
    """Return the customer's appointments to come, the next one first."""
    own = select(Appointment).filter_by(tenant=desk.tenant, customer_id=desk.customer_id, cancelled_at=None)
    to_come = own.where(Appointment.starts_at > desk.database.now())
    return list(session.scalars(to_come.order_by(Appointment.starts_at, Appointment.id)))


async def _for_customer(desk: Desk, work: Any) -> Proposed | Refusal:
    def known() -> Proposed | Refusal:
        with desk.database.read() as session:
            if desk.customer_id is None or session.get(Customer, desk.customer_id) is None:
                return Refusal(refused="Appointments are made only for customers whom we know.")
            outcome: Proposed | Refusal = work(session, zone_of(session, desk))
            return outcome

    return await desk.database.in_thread(known)


def _own(session: Session, desk: Desk, zone: ZoneInfo, appointment_id: int | None) -> Appointment | Refusal:
    own = appointments_of(session, desk)
    chosen = [each for each in own if appointment_id in (None, each.id)]
    if len(chosen) == 1:
        return chosen[0]
    if not chosen:
        return Refusal(refused="You have no such appointment." if own else "You have no appointment.")
    times = ", ".join(tell(in_utc(each.starts_at), zone) for each in own)
    return Refusal(refused=f"You have several appointments: {times}. Which one do you mean?")


def _free(session: Session, desk: Desk, zone: ZoneInfo, when: str, wish: _Wish) -> tuple[datetime, str] | Refusal:
    hours, now = desk.settings.business_hours, desk.database.now()
    starts_at = resolve(when, now, zone)
    if isinstance(starts_at, Unclear):
        return Refusal(refused=starts_at.question)
    whom = known_advisor(session, wish.advisor) if wish.advisor else None
    if wish.advisor and whom is None:
        return no_such_advisor(session, wish.advisor)
    refused = refusal_reason(hours, starts_at, wish.minutes, now)
    if refused is None:
        free = free_advisors(session, desk.tenant, starts_at, wish.minutes, moved=wish.moved)
        if found := [each for each in free if whom in (None, each)]:
            return starts_at, found[0]
        refused = "That time is taken."
    others = free_times(session, desk, zone, starts_at, minutes=wish.minutes, advisor=whom)
    offer = f" Would {' or '.join(each.spoken for each in others[:2])} suit you?" if others else ""
    return Refusal(refused=refused + offer)


def _proposed(
    desk: Desk, zone: ZoneInfo, change: Change, starts_at: datetime, own: Appointment | None = None, **more: Any
) -> Proposed:
    if own is not None:
        more = {"appointment_id": own.id, "advisor": own.advisor, "topic": own.topic, "minutes": own.minutes}
    what = f"proposal/{change}/{more.get('appointment_id', more['advisor'])}/{starts_at:%Y%m%dT%H%M}"
    return Proposed(
        proposal=Proposal(
            change=change,
            starts_at=starts_at,
            spoken=tell(starts_at, zone),
            key=desk.key(what),
            turn=desk.key("turn"),
            **more,
        )
    )

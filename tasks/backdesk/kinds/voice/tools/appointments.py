"""Carry out what was proposed and the caller has agreed to: book, move or cancel an appointment. And list them.

Nobody gets a time twice: each half hour of an advisor is a row whose key decides between two who want it at the same
moment, threads and processes alike. A proposal is carried out once, however often it is repeated and by whichever job.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.tools import tool
from backdesk.kinds.voice.contract import AppointmentChanged
from backdesk.kinds.voice.slots import in_utc, slots_of
from backdesk.kinds.voice.spoken_time import tell
from backdesk.kinds.voice.tables import Appointment, AppointmentChange, TakenSlot
from backdesk.kinds.voice.tools.proposals import Change, Proposal, appointments_of
from backdesk.kinds.voice.tools.times import zone_of
from backdesk.worker.attempt.ledger import Effect


class AppointmentFound(ToolOutcome):
    """An appointment of the caller."""

    appointment_id: int
    advisor: str
    topic: str
    starts_at: datetime
    minutes: int
    spoken: str

    def summary(self) -> str:
        return f"{self.spoken} with {self.advisor}"


class AppointmentsFound(ToolOutcome):
    """The appointments of the caller that are to come, the next one first."""

    appointments: list[AppointmentFound]

    def summary(self) -> str:
        return "; ".join(each.summary() for each in self.appointments) or "none"


class Confirmed(AppointmentFound):
    """It is done."""

    change: Change

    def summary(self) -> str:
        return f"{self.change}: {self.spoken} with {self.advisor}"

    def action(self) -> AppointmentChanged:
        return AppointmentChanged(**self.model_dump(exclude={"spoken"}))

    def learned(self) -> dict[str, Any]:
        return {"proposal": None}


@tool(Effect.PURE)
async def list_appointments(desk: Desk) -> AppointmentsFound:
    """List the caller's own appointments that are to come."""

    def work() -> AppointmentsFound:
        with desk.database.read() as session:
            own = appointments_of(session, desk) if desk.customer_id else []
            return AppointmentsFound(
                appointments=[AppointmentFound(**_facts(session, desk, each)) for each in own],
            )

    return await desk.database.in_thread(work)


async def appointments_changed(desk: Desk) -> list[AppointmentChanged]:
    """Return what this job has booked, moved or cancelled, whichever attempt did it."""

    def work() -> list[AppointmentChanged]:
        with desk.database.read() as session:
            done = session.scalars(select(AppointmentChange).filter_by(tenant=desk.tenant, made_by=_job(desk))).all()
            return [_action(session, desk, each) for each in done]

    return await desk.database.in_thread(work)


@tool(Effect.IDEMPOTENT, done=appointments_changed)
async def confirm_proposal(desk: Desk) -> Confirmed | Refusal:
    """Do what was proposed to the caller. Refused unless their last message says yes to it."""
    return await desk.database.in_thread(lambda: confirm_once(desk))


def confirm_once(desk: Desk) -> Confirmed | Refusal:
    """Carry out the proposal, or say why not; whoever comes with it again gets the same answer. Blocks."""
    known = desk.context
    proposal: Proposal | None = getattr(known, "proposal", None)
    if proposal is None:
        return Refusal(refused="There is nothing that the caller has agreed to. Propose it to them first.")
    if proposal.turn == desk.key("turn") or not getattr(known, "affirmed", False):
        return Refusal(refused="The caller has not said yes yet. Read it back to them, ask, and wait for their answer.")
    return desk.database.contend(lambda session: _confirm(session, desk, proposal))


def _confirm(session: Session, desk: Desk, proposal: Proposal) -> Confirmed | Refusal:
    if (done := _done_before(session, desk, proposal)) is not None:
        return done
    booked = proposal.change == "booked"
    appointment = _new(desk, proposal) if booked else _own(session, desk, proposal)
    if appointment is None:
        return Refusal(refused="You have no such appointment any more.")
    if proposal.change != "cancelled" and (refused := _taken(session, desk, proposal)):
        return refused
    session.add(appointment)
    # Its old half hours first: it may be moved by less than its length.
    appointment.slots.clear()
    session.flush()
    if proposal.change == "cancelled":
        appointment.cancelled_at = desk.database.now()
    else:
        appointment.starts_at = proposal.starts_at
        appointment.slots.extend(_slots(desk, proposal))
    made = {"change": proposal.change, "made_by": _job(desk), "made_at": desk.database.now()}
    session.add(AppointmentChange(tenant=desk.tenant, key=proposal.key, appointment_id=appointment.id, **made))
    session.flush()
    return _confirmed(session, desk, proposal, appointment)


def _done_before(session: Session, desk: Desk, proposal: Proposal) -> Confirmed | None:
    done = session.get(AppointmentChange, (desk.tenant, proposal.key))
    appointment = done and session.get(Appointment, done.appointment_id)
    return _confirmed(session, desk, proposal, appointment) if appointment else None


def _action(session: Session, desk: Desk, done: AppointmentChange) -> AppointmentChanged:
    facts = _facts(session, desk, session.get_one(Appointment, done.appointment_id))
    return Confirmed(change=done.change, **facts).action()


def _job(desk: Desk) -> str:
    return desk.key("appointment")


def _new(desk: Desk, proposal: Proposal) -> Appointment:
    return Appointment(
        tenant=desk.tenant,
        advisor=proposal.advisor,
        customer_id=desk.customer_id,
        starts_at=proposal.starts_at,
        minutes=proposal.minutes,
        topic=proposal.topic,
    )


def _own(session: Session, desk: Desk, proposal: Proposal) -> Appointment | None:
    own = {"tenant": desk.tenant, "customer_id": desk.customer_id, "id": proposal.appointment_id, "cancelled_at": None}
    return session.scalars(select(Appointment).filter_by(**own).with_for_update()).one_or_none()


def _taken(session: Session, desk: Desk, proposal: Proposal) -> Refusal | None:
    if proposal.starts_at <= desk.database.now():
        return Refusal(refused="That time is over. Which later time suits you?")
    wanted = TakenSlot.starts_at.in_(slots_of(proposal.starts_at, proposal.minutes))
    holders = select(TakenSlot.appointment_id).filter_by(tenant=desk.tenant, advisor=proposal.advisor).where(wanted)
    if set(session.scalars(holders)) <= {proposal.appointment_id}:
        return None
    return Refusal(refused="Somebody else has just taken that time. Which other time suits you?")


def _slots(desk: Desk, proposal: Proposal) -> list[TakenSlot]:
    times = slots_of(proposal.starts_at, proposal.minutes)
    return [TakenSlot(tenant=desk.tenant, advisor=proposal.advisor, starts_at=each) for each in times]


def _confirmed(session: Session, desk: Desk, proposal: Proposal, appointment: Appointment) -> Confirmed:
    # The time is the proposal's: the appointment may have been moved since.
    facts = _facts(session, desk, appointment) | {"starts_at": proposal.starts_at, "spoken": proposal.spoken}
    return Confirmed(change=proposal.change, **facts)


def _facts(session: Session, desk: Desk, appointment: Appointment) -> dict[str, Any]:
    starts_at = in_utc(appointment.starts_at)
    return {
        "appointment_id": appointment.id,
        "advisor": appointment.advisor,
        "topic": appointment.topic,
        "starts_at": starts_at,
        "minutes": appointment.minutes,
        "spoken": tell(starts_at, zone_of(session, desk)),
    }

"""Book, move and cancel appointments, each once the caller has agreed to it. And list them.

Nobody gets a time twice: each half hour of an advisor is a row whose key decides between two who want it at the same
moment, threads and processes alike. What a job does it does once, however often it is attempted.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import SIGN_IN_FIRST, Refusal, ToolOutcome
from backdesk.agents.proposals.permission import CHANGED, may_act
from backdesk.agents.proposals.terms import Terms
from backdesk.agents.tools import tool
from backdesk.kinds.voice.contract import PHRASES, AppointmentChanged, Change, PlannedAppointment
from backdesk.kinds.voice.slots import in_utc, slots_of
from backdesk.kinds.voice.spoken_time import say, tell
from backdesk.kinds.voice.tables import Appointment, AppointmentChange, TakenSlot
from backdesk.kinds.voice.tools.plans import (
    AppointmentId,
    Booking,
    Cancellation,
    Move,
    Planner,
    Topic,
    appointments_of,
    is_done,
    key_of,
    plan_for_customer,
)
from backdesk.kinds.voice.tools.times import AdvisorName, Minutes, Words, zone_of
from backdesk.worker.attempt.ledger import Effect


class AppointmentFound(ToolOutcome):
    """An appointment of the caller, by their clocks."""

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


class AppointmentReceipt(AppointmentFound):
    """It is done."""

    change: Change
    time_zone: str = "UTC"

    def summary(self) -> str:
        return f"{self.change}: {self.spoken} with {self.advisor}"

    def action(self) -> AppointmentChanged:
        return AppointmentChanged(**self.model_dump(exclude={"spoken"}) | {"starts_at": in_utc(self.starts_at)})


@tool(Effect.PURE)
async def list_appointments(desk: Desk) -> AppointmentsFound | Refusal:
    """List the caller's own appointments that are to come."""
    if desk.customer_id is None:
        return SIGN_IN_FIRST

    def work() -> AppointmentsFound:
        with desk.database.read() as session:
            own = appointments_of(session, desk)
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


async def booking_terms(
    desk: Desk, when: Words, topic: Topic, advisor: AdvisorName = None, minutes: Minutes = 30
) -> Terms | Refusal | None:
    """Say which appointment the caller would agree to."""
    return await _terms(desk, Booking(when, topic, advisor, minutes), "when", "topic", "advisor", "minutes")


@tool(Effect.IDEMPOTENT, terms=booking_terms, done=appointments_changed)
async def book_appointment(
    desk: Desk, when: Words, topic: Topic, advisor: AdvisorName = None, minutes: Minutes = 30
) -> AppointmentReceipt | Refusal:
    """Book an appointment. A refusal says what is free instead."""
    return await desk.database.in_thread(lambda: carry_out(desk, Booking(when, topic, advisor, minutes)))


async def move_terms(desk: Desk, when: Words, appointment_id: AppointmentId = None) -> Terms | Refusal | None:
    """Say to which time the caller would agree instead."""
    return await _terms(desk, Move(when, appointment_id), "when", "appointment_id")


@tool(Effect.IDEMPOTENT, terms=move_terms, done=appointments_changed)
async def move_appointment(
    desk: Desk, when: Words, appointment_id: AppointmentId = None
) -> AppointmentReceipt | Refusal:
    """Move an appointment of the caller to another time."""
    return await desk.database.in_thread(lambda: carry_out(desk, Move(when, appointment_id)))


async def cancellation_terms(desk: Desk, appointment_id: AppointmentId = None) -> Terms | Refusal | None:
    """Say which appointment the caller would give up."""
    return await _terms(desk, Cancellation(appointment_id), "appointment_id")


@tool(Effect.IDEMPOTENT, terms=cancellation_terms, done=appointments_changed)
async def cancel_appointment(desk: Desk, appointment_id: AppointmentId = None) -> AppointmentReceipt | Refusal:
    """Cancel an appointment of the caller."""
    return await desk.database.in_thread(lambda: carry_out(desk, Cancellation(appointment_id)))


async def _terms(desk: Desk, planner: Planner, *args: str) -> Terms | Refusal | None:
    def work() -> Terms | Refusal | None:
        with desk.database.read() as session:
            plan = plan_for_customer(session, desk, planner)
            if isinstance(plan, Refusal):
                return plan
            return None if is_done(session, desk, plan) else _terms_of(session, desk, plan, args)

    return await desk.database.in_thread(work)


def _terms_of(session: Session, desk: Desk, plan: PlannedAppointment, args: tuple[str, ...]) -> Terms:
    zone = zone_of(session, desk)
    there = plan.starts_at.astimezone(zone)
    facts = _facts_of(plan, zone)
    known = {**facts, "when": there.isoformat()}
    when = say(there, zone.key, desk.language)
    asked = PHRASES.say(f"ask_{plan.change}", desk.language, when=when, advisor=plan.advisor)
    return Terms(asked, facts, args={name: known[name] for name in args})


def _facts_of(plan: PlannedAppointment, zone: ZoneInfo) -> dict[str, Any]:
    return plan.model_copy(update={"starts_at": plan.starts_at.astimezone(zone)}).model_dump(mode="json")


def carry_out(desk: Desk, planner: Planner) -> AppointmentReceipt | Refusal:
    """Do what a caller wants, or say why not; the job that has done it gets its receipt again. Blocks."""
    return desk.database.contend(lambda session: _carry_out(session, desk, planner))


def _carry_out(session: Session, desk: Desk, planner: Planner) -> AppointmentReceipt | Refusal:
    plan = plan_for_customer(session, desk, planner)
    if isinstance(plan, Refusal):
        return plan
    if (done := session.get(AppointmentChange, (desk.tenant, key_of(desk, plan)))) is not None:
        return _receipt(session, desk, plan, session.get_one(Appointment, done.appointment_id))
    if not may_act(_facts_of(plan, zone_of(session, desk))):
        return CHANGED
    appointment = _new(desk, plan) if plan.appointment_id is None else _locked(session, plan.appointment_id)
    session.add(appointment)
    # Its old half hours first: it may be moved by less than its length.
    appointment.slots.clear()
    session.flush()
    if plan.change == "cancelled":
        appointment.cancelled_at = desk.database.now()
    else:
        appointment.starts_at = plan.starts_at
        appointment.slots.extend(_slots(desk, plan))
    made = {"change": plan.change, "made_by": _job(desk), "made_at": desk.database.now()}
    session.add(AppointmentChange(tenant=desk.tenant, key=key_of(desk, plan), appointment_id=appointment.id, **made))
    session.flush()
    return _receipt(session, desk, plan, appointment)


def _receipt(session: Session, desk: Desk, plan: PlannedAppointment, appointment: Appointment) -> AppointmentReceipt:
    # The time is the plan's: the appointment may have been moved since.
    zone = zone_of(session, desk)
    whose = {"appointment_id": appointment.id, "advisor": appointment.advisor, "time_zone": zone.key}
    return AppointmentReceipt(**{**plan.model_dump(), **whose, "starts_at": plan.starts_at.astimezone(zone)})


def _action(session: Session, desk: Desk, done: AppointmentChange) -> AppointmentChanged:
    facts = _facts(session, desk, session.get_one(Appointment, done.appointment_id))
    return AppointmentReceipt(change=done.change, time_zone=zone_of(session, desk).key, **facts).action()


def _job(desk: Desk) -> str:
    return desk.key("appointment")


def _new(desk: Desk, plan: PlannedAppointment) -> Appointment:
    return Appointment(
        tenant=desk.tenant,
        advisor=plan.advisor,
        customer_id=desk.customer_id,
        starts_at=plan.starts_at,
        minutes=plan.minutes,
        topic=plan.topic,
    )


def _locked(session: Session, appointment_id: int) -> Appointment:
    return session.get_one(Appointment, appointment_id, with_for_update=True)


def _slots(desk: Desk, plan: PlannedAppointment) -> list[TakenSlot]:
    times = slots_of(plan.starts_at, plan.minutes)
    return [TakenSlot(tenant=desk.tenant, advisor=plan.advisor, starts_at=each) for each in times]


def _facts(session: Session, desk: Desk, appointment: Appointment) -> dict[str, Any]:
    zone = zone_of(session, desk)
    starts_at = in_utc(appointment.starts_at).astimezone(zone)
    return {
        "appointment_id": appointment.id,
        "advisor": appointment.advisor,
        "topic": appointment.topic,
        "starts_at": starts_at,
        "minutes": appointment.minutes,
        "spoken": tell(starts_at, zone),
    }

"""What a caller wants of the calendar, worked out: whose time, when exactly, or why not. Nothing is done here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import SIGN_IN_FIRST, Refusal
from backdesk.kinds.voice.contract import PlannedAppointment
from backdesk.kinds.voice.slots import free_advisors, in_utc, refusal_reason
from backdesk.kinds.voice.spoken_time import Unclear, resolve, tell
from backdesk.kinds.voice.tables import Appointment, AppointmentChange
from backdesk.kinds.voice.tools.times import free_times, known_advisor, no_such_advisor, zone_of
from backdesk.shop.customers import customer_of

Topic = Annotated[str, Field(min_length=1, max_length=200, description="What it is about, in a few words.")]
AppointmentId = Annotated[
    int | None, Field(description="Which of the caller's appointments, by its id; may be left out when they have one.")
]
#: Works a plan out in a transaction, by the caller's clocks.
Planner = Callable[[Session, Desk, ZoneInfo], PlannedAppointment | Refusal]


@dataclass(frozen=True, slots=True)
class Booking:
    """A new appointment that the caller wants."""

    when: str
    topic: str
    advisor: str | None
    minutes: int

    def __call__(self, session: Session, desk: Desk, zone: ZoneInfo) -> PlannedAppointment | Refusal:
        starts_at = _moment(desk, zone, self.when)
        if isinstance(starts_at, Refusal):
            return starts_at
        whom = known_advisor(session, self.advisor) if self.advisor else None
        if self.advisor and whom is None:
            return no_such_advisor(session, self.advisor)
        plan = PlannedAppointment(
            change="booked",
            advisor=whom or "",
            topic=self.topic,
            starts_at=starts_at,
            minutes=self.minutes,
            spoken=tell(starts_at, zone),
        )
        return plan if is_done(session, desk, plan) else _free(session, desk, zone, plan)


@dataclass(frozen=True, slots=True)
class Move:
    """Another time for an appointment of the caller."""

    when: str
    appointment_id: int | None

    def __call__(self, session: Session, desk: Desk, zone: ZoneInfo) -> PlannedAppointment | Refusal:
        own = _own(session, desk, zone, self.appointment_id)
        if isinstance(own, Refusal):
            return own
        starts_at = _moment(desk, zone, self.when)
        if isinstance(starts_at, Refusal):
            return starts_at
        before = in_utc(own.starts_at).astimezone(zone)
        plan = _of(own, "moved", starts_at, zone).model_copy(update={"moved_from": before})
        return plan if is_done(session, desk, plan) else _free(session, desk, zone, plan)


@dataclass(frozen=True, slots=True)
class Cancellation:
    """An appointment that the caller wants no more."""

    appointment_id: int | None

    def __call__(self, session: Session, desk: Desk, zone: ZoneInfo) -> PlannedAppointment | Refusal:
        before = session.get(Appointment, self.appointment_id) if self.appointment_id else None
        if before is not None:
            plan = _of(before, "cancelled", in_utc(before.starts_at), zone)
            if is_done(session, desk, plan):
                return plan
        own = _own(session, desk, zone, self.appointment_id)
        return own if isinstance(own, Refusal) else _of(own, "cancelled", in_utc(own.starts_at), zone)


def plan_for_customer(session: Session, desk: Desk, planner: Planner) -> PlannedAppointment | Refusal:
    """Work out what a caller wants; a refusal for one whom nobody knows."""
    if desk.customer_id is None:
        return SIGN_IN_FIRST
    if customer_of(session, desk) is None:
        return Refusal(refused="Appointments are made only for customers whom we know.")
    return planner(session, desk, zone_of(session, desk))


def key_of(desk: Desk, plan: PlannedAppointment) -> str:
    """Name what a job does by a plan: the same in all of its attempts, whoever is free by then."""
    return desk.key(f"appointment/{plan.change}/{plan.appointment_id or 'new'}/{plan.starts_at:%Y%m%dT%H%M}")


def is_done(session: Session, desk: Desk, plan: PlannedAppointment) -> bool:
    """Whether this job has carried out a plan already."""
    return session.get(AppointmentChange, (desk.tenant, key_of(desk, plan))) is not None


def appointments_of(session: Session, desk: Desk) -> list[Appointment]:
    """Return the customer's appointments to come, the next one first."""
    own = select(Appointment).filter_by(tenant=desk.tenant, customer_id=desk.customer_id, cancelled_at=None)
    to_come = own.where(Appointment.starts_at > desk.database.now())
    return list(session.scalars(to_come.order_by(Appointment.starts_at, Appointment.id)))


def _moment(desk: Desk, zone: ZoneInfo, when: str) -> datetime | Refusal:
    found = resolve(when, desk.database.now(), zone)
    return Refusal(refused=found.question) if isinstance(found, Unclear) else found


def _of(own: Appointment, change: str, starts_at: datetime, zone: ZoneInfo) -> PlannedAppointment:
    return PlannedAppointment.model_validate(
        {
            "change": change,
            "appointment_id": own.id,
            "advisor": own.advisor,
            "topic": own.topic,
            "starts_at": starts_at,
            "minutes": own.minutes,
            "spoken": tell(starts_at, zone),
        }
    )


def _own(session: Session, desk: Desk, zone: ZoneInfo, appointment_id: int | None) -> Appointment | Refusal:
    own = appointments_of(session, desk)
    chosen = [each for each in own if appointment_id in (None, each.id)]
    if len(chosen) == 1:
        return chosen[0]
    if not chosen:
        return Refusal(refused="You have no such appointment." if own else "You have no appointment.")
    times = ", ".join(tell(in_utc(each.starts_at), zone) for each in own)
    return Refusal(refused=f"You have several appointments: {times}. Which one do you mean?")


def _free(session: Session, desk: Desk, zone: ZoneInfo, plan: PlannedAppointment) -> PlannedAppointment | Refusal:
    """Return the plan with somebody who is free then, or a refusal that offers other times."""
    starts_at, minutes, whom = plan.starts_at, plan.minutes, plan.advisor or None
    refused = refusal_reason(desk.settings.business_hours, starts_at, minutes, desk.database.now())
    if refused is None:
        free = free_advisors(session, desk.tenant, starts_at, minutes, moved=plan.appointment_id)
        if found := [each for each in free if whom in (None, each)]:
            return plan.model_copy(update={"advisor": found[0]})
        refused = "That time is taken."
    others = free_times(session, desk, zone, starts_at, minutes=minutes, advisor=whom)
    offer = f" Would {' or '.join(each.spoken for each in others[:2])} suit you?" if others else ""
    return Refusal(refused=refused + offer)

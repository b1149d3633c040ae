"""The half hours of the business hours: which of them an appointment takes, and which are free. Moments are in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from backdesk.kinds.voice.tables import Advisor, TakenSlot
from backdesk.platform.business_hours import BusinessHours

SLOT = timedelta(minutes=30)
#: How far ahead appointments are made.
HORIZON = timedelta(days=180)


def slots_of(starts_at: datetime, minutes: int) -> list[datetime]:
    """Return the beginnings of the half hours that an appointment takes."""
    return [starts_at + SLOT * number for number in range(minutes * 60 // int(SLOT.total_seconds()))]


def refusal_reason(hours: BusinessHours, starts_at: datetime, minutes: int, now: datetime) -> str | None:
    """Return why there can be no appointment then, as a sentence for the caller, or None when there can."""
    if starts_at <= now:
        return "That time is over."
    if starts_at > now + HORIZON:
        return "Appointments are made half a year ahead at most."
    if not hours.open_at(starts_at) or hours.add(starts_at, minutes / 60) != starts_at + timedelta(minutes=minutes):
        return "That is outside of our business hours."
    if starts_at != _on_grid(starts_at, hours):
        return "Appointments begin on the hour or half past."
    return None


def times_from(hours: BusinessHours, after: datetime, minutes: int, now: datetime) -> Iterator[datetime]:
    """Yield the times from a moment on at which an appointment can begin, taken or not."""
    moment = _on_grid(max(after.astimezone(UTC), now + timedelta(minutes=1)), hours)
    while moment <= now + HORIZON:
        if refusal_reason(hours, moment, minutes, now) is None:
            yield moment
        moment += SLOT
        if not hours.open_at(moment):
            moment = _on_grid(hours.next_opening(moment), hours)


def free_advisors(
    session: Session, tenant: str, starts_at: datetime, minutes: int, *, moved: int | None = None
) -> list[str]:
    """Return who has all of that time free, by name; what an appointment takes that is `moved` counts as free."""
    asked = TakenSlot.starts_at.in_(slots_of(starts_at, minutes))
    taken = select(TakenSlot.advisor).where(TakenSlot.tenant == tenant, asked)
    if moved is not None:
        taken = taken.where(TakenSlot.appointment_id != moved)
    return list(session.scalars(select(Advisor.name).where(Advisor.name.not_in(taken)).order_by(Advisor.name)))


def in_utc(kept: datetime) -> datetime:
    """Return a moment from the database: SQLite keeps no zone, and all that is kept is in UTC."""
    return kept.replace(tzinfo=UTC) if kept.tzinfo is None else kept.astimezone(UTC)


def _on_grid(moment: datetime, hours: BusinessHours) -> datetime:
    """Return the next time on the hour or half past, by the clocks of the business."""
    local = moment.astimezone(hours.zone)
    over = timedelta(minutes=local.minute % 30, seconds=local.second, microseconds=local.microsecond)
    return moment if not over else moment + SLOT - over

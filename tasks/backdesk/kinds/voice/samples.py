"""Advisors of the sample shop, and what of their calendars is taken on the first working days."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from backdesk.kinds.voice.slots import slots_of
from backdesk.kinds.voice.tables import Advisor, Appointment, TakenSlot
from backdesk.platform.samples import Sample
from backdesk.shop.samples import SAMPLE as SHOP
from backdesk.shop.tables import Customer
from backdesk.worker.model.job import DEFAULT_TENANT

ADVISORS = {"Nora": "lighting and audio", "Omar": "computing and networking"}
ZONE = ZoneInfo("Europe/Berlin")


class SampleAppointment(NamedTuple):
    """An appointment on a working day after that of the seeding, the next one being 0."""

    day: int
    at: time
    advisor: str
    customer_id: str
    minutes: int
    topic: str


APPOINTMENTS = [
    SampleAppointment(0, time(10), "Nora", "cust-2", 60, "light for an office"),
    SampleAppointment(0, time(10), "Omar", "cust-4", 30, "a network for a flat"),
    SampleAppointment(1, time(14, 30), "Omar", "cust-6", 60, "a desk for two"),
]


def seed(session: Session, today: date) -> None:
    """Add the advisors, and what is taken of their time, for the tenant that jobs have without another."""
    session.add_all(Advisor(name=name, field=field) for name, field in ADVISORS.items())
    session.flush()
    days = [today + timedelta(days=ahead) for ahead in range(1, 8)]
    working = [day for day in days if day.weekday() < 5]
    known = set(session.scalars(select(Customer.id)))  # an older database may have lost some
    for sample in (each for each in APPOINTMENTS if each.customer_id in known):
        starts_at = datetime.combine(working[sample.day], sample.at, ZONE).astimezone(UTC)
        whose = {"tenant": DEFAULT_TENANT, "advisor": sample.advisor}
        session.add(
            Appointment(
                **whose,
                customer_id=sample.customer_id,
                starts_at=starts_at,
                minutes=sample.minutes,
                topic=sample.topic,
                slots=[TakenSlot(**whose, starts_at=each) for each in slots_of(starts_at, sample.minutes)],
            )
        )


SAMPLE = Sample("sample-appointments", seed, leans_on=SHOP)

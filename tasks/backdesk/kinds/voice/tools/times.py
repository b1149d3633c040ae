"""What a caller means by a time, and which times are free. The model passes on the words; it reckons with no dates."""

from __future__ import annotations

from datetime import UTC, datetime, time
from itertools import islice
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field
from sqlalchemy.orm import Session

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.tools import tool
from backdesk.kinds.voice.slots import free_advisors, times_from
from backdesk.kinds.voice.spoken_time import Unclear, has_time, resolve, resolve_day, tell
from backdesk.kinds.voice.tables import Advisor
from backdesk.shop.customers import customer_of
from backdesk.worker.attempt.ledger import Effect

#: What a caller can keep in mind.
MOST_TOLD = 3
#: How many times are looked at before a calendar counts as full.
MOST_LOOKED_AT = 500

Words = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        description="The words for day and time as the caller said them, in English, such as 'next Tuesday at 3 PM'.",
    ),
]
Day = Annotated[
    str, Field(max_length=200, description="From when on, in the caller's words, in English; empty: from now on.")
]
AdvisorName = Annotated[str | None, Field(description="With whom; whoever is free when left out.")]
Minutes = Annotated[int, Field(ge=30, le=120, multiple_of=30, description="How long: 30, 60, 90 or 120 minutes.")]


class TimeUnderstood(ToolOutcome):
    """A moment by the caller's clocks, and how to say it to them."""

    starts_at: datetime
    spoken: str
    time_zone: str

    def summary(self) -> str:
        return f"{self.spoken} ({self.time_zone})"


class FreeTime(ToolOutcome):
    """A time by the caller's clocks at which somebody is free."""

    starts_at: datetime
    spoken: str
    advisors: list[str]

    def summary(self) -> str:
        return f"{self.spoken}: {', '.join(self.advisors)}"


class FreeTimes(ToolOutcome):
    """The first free times."""

    times: list[FreeTime]

    def summary(self) -> str:
        return "; ".join(each.summary() for each in self.times) or "nothing is free"


@tool(Effect.PURE)
async def resolve_time(desk: Desk, words: Words) -> TimeUnderstood | Refusal:
    """Find out which moment the caller means, by their own clocks. A refusal is a question to ask them."""

    def work() -> TimeUnderstood | Refusal:
        with desk.database.read() as session:
            zone = zone_of(session, desk)
        found = resolve(words, desk.database.now(), zone)
        if isinstance(found, Unclear):
            return Refusal(refused=found.question)
        return TimeUnderstood(starts_at=found.astimezone(zone), spoken=tell(found, zone), time_zone=zone.key)

    return await desk.database.in_thread(work)


@tool(Effect.PURE)
async def find_free_times(
    desk: Desk, day: Day = "", advisor: AdvisorName = None, minutes: Minutes = 30
) -> FreeTimes | Refusal:
    """Find the first free times for an appointment, three at most."""

    def work() -> FreeTimes | Refusal:
        with desk.database.read() as session:
            zone = zone_of(session, desk)
            begin = _begin(day, desk.database.now(), zone)
            if isinstance(begin, Unclear):
                return Refusal(refused=begin.question)
            if advisor is not None and known_advisor(session, advisor) is None:
                return no_such_advisor(session, advisor)
            return FreeTimes(times=free_times(session, desk, zone, begin, minutes=minutes, advisor=advisor))

    return await desk.database.in_thread(work)


def zone_of(session: Session, desk: Desk) -> ZoneInfo:
    """Return the time zone of the caller: the request's, else the customer's, else that of the business hours."""
    customer = customer_of(session, desk)
    named = getattr(desk.context, "time_zone", None) or (customer and customer.time_zone)
    return ZoneInfo(named) if named else desk.settings.business_hours.zone


def free_times(
    session: Session, desk: Desk, zone: ZoneInfo, after: datetime, *, minutes: int, advisor: str | None
) -> list[FreeTime]:
    """Return the first free times from a moment on, with whoever is free then, or with one advisor."""
    found: list[FreeTime] = []
    times = times_from(desk.settings.business_hours, after, minutes, desk.database.now())
    for starts_at in islice(times, MOST_LOOKED_AT):
        free = free_advisors(session, desk.tenant, starts_at, minutes)
        advisors = [name for name in free if advisor is None or name.lower() == advisor.lower()]
        if advisors:
            there = starts_at.astimezone(zone)
            found.append(FreeTime(starts_at=there, spoken=tell(there, zone), advisors=advisors))
        if len(found) == MOST_TOLD:
            break
    return found


def known_advisor(session: Session, name: str) -> str | None:
    """Return an advisor's name as it is written, None when there is nobody of that name."""
    return next((each.name for each in session.query(Advisor) if each.name.lower() == name.strip().lower()), None)


def no_such_advisor(session: Session, name: str) -> Refusal:
    """Say who there is instead."""
    names = [f"{each.name} for {each.field}" for each in session.query(Advisor).order_by(Advisor.name)]
    return Refusal(refused=f"There is nobody called {name.strip()} here. There are {' and '.join(names)}.")


def _begin(words: str, now: datetime, zone: ZoneInfo) -> datetime | Unclear:
    if not words.strip():
        return now
    if has_time(words):
        return resolve(words, now, zone)
    day = resolve_day(words, now, zone)
    return day if isinstance(day, Unclear) else max(now, datetime.combine(day, time(), zone).astimezone(UTC))

"""When people are there to be reached, and what "within four hours" promises then. Pure; moments in and out are aware.

Hours are counted as time passes: an opening from which a change of clocks takes an hour is an hour shorter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, pairwise
from typing import Annotated, Any, Literal, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, from_json

from backdesk.platform.contract import TimeZone

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)
_MIDNIGHT = time(0)
_SPAN = re.compile(r"(\d{1,2}:\d\d)-(\d{1,2}:\d\d)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_DAY = rf"(?:{'|'.join(DAYS)})"
_DAY_RANGE = re.compile(rf"{_DAY}(?:-{_DAY})?", re.IGNORECASE)
FORM = "write it as 'Mon-Fri 09:00-18:00, Sat 10:00-14:00, closed 2026-12-25, Europe/Berlin'"


class Opening(BaseModel):
    """A part of a day, by the clocks there; it closes at midnight when `closes` is 00:00. Written as `09:00-18:00`."""

    model_config = ConfigDict(frozen=True)

    opens: time
    closes: time

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        if (match := _SPAN.fullmatch(given.strip())) is None:
            raise ValueError("is no part of a day: write it as 09:00-18:00")
        opens, closes = (f"{moment:0>5}" for moment in match.groups())
        return {"opens": opens, "closes": "00:00" if closes == "24:00" else closes}

    @model_validator(mode="after")
    def _closes_later(self) -> Self:
        if self.opens >= self.closes != _MIDNIGHT:
            raise ValueError("closes before it opens; split what goes on after midnight in two")
        return self

    def __str__(self) -> str:
        closes = "24:00" if self.closes == _MIDNIGHT else f"{self.closes:%H:%M}"
        return f"{self.opens:%H:%M}-{closes}"

    def on(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return when it begins and ends on a day, in UTC."""
        last = day + timedelta(days=1) if self.closes == _MIDNIGHT else day
        return _in_utc(day, self.opens, zone), _in_utc(last, self.closes, zone)


def _each_day(given: Any) -> Any:
    """Read `{"Mon-Fri": "09:00-18:00"}` as one entry for each of the days."""
    if not isinstance(given, Mapping):
        return given
    days: dict[str, list[Any]] = {}
    for name, openings in given.items():
        for day in _days_of(str(name)):
            days.setdefault(day, []).extend(openings if isinstance(openings, list) else [openings])
    return days


def _days_of(name: str) -> tuple[str, ...]:
    if _DAY_RANGE.fullmatch(name) is None:
        raise ValueError("has a name that is no day of the week: write Mon, or Mon-Fri")
    first, _, last = name.lower().partition("-")
    begin, length = DAYS.index(first), (DAYS.index(last or first) - DAYS.index(first)) % 7
    return (DAYS * 2)[begin : begin + length + 1]


def _in_order(hours: Mapping[Day, tuple[Opening, ...]]) -> Mapping[Day, tuple[Opening, ...]]:
    ordered = {day: tuple(sorted(hours[day], key=lambda each: each.opens)) for day in DAYS if hours.get(day)}
    if not ordered:
        raise ValueError("no day has hours: give them to one at least")
    for day, openings in ordered.items():
        if any(a.closes > b.opens or a.closes == _MIDNIGHT for a, b in pairwise(openings)):
            raise ValueError(f"the hours of {day.title()} overlap")
    return ordered


class BusinessHours(BaseModel):
    """The opening hours of a week in a time zone, and the days on which they do not hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    time_zone: TimeZone = "Europe/Berlin"
    hours: Annotated[Mapping[Day, tuple[Opening, ...]], BeforeValidator(_each_day), AfterValidator(_in_order)]
    holidays: frozenset[date] = frozenset()

    @classmethod
    def read(cls, text: str) -> BusinessHours:
        """Read a text such as `Mon-Fri 09:00-18:00, closed 2026-12-25, Europe/Berlin`, or JSON with these fields.

        Raises ValueError with a sentence on what is wrong, without the text itself.
        """
        try:
            return cls.model_validate(_json(text) if text.lstrip().startswith("{") else _fields_of(text))
        except ValidationError as error:
            raise ValueError("; ".join(map(_sentence, error.errors()))) from None

    def __str__(self) -> str:
        """Write the text of which `read` makes the same hours."""
        days = {DAYS.index(day): " ".join(map(str, openings)) for day, openings in self.hours.items()}
        closed = [f"closed {' '.join(map(str, sorted(self.holidays)))}"] if self.holidays else []
        return f"{', '.join([*_joined(days), *closed])} {self.time_zone}"

    @property
    def zone(self) -> ZoneInfo:
        """The time zone by which the hours are meant."""
        return ZoneInfo(self.time_zone)

    def open_at(self, moment: datetime) -> bool:
        """Whether it is open. An opening includes its first moment, not its last. Raises ValueError without a zone."""
        return self.next_opening(moment) == moment

    def next_opening(self, moment: datetime) -> datetime:
        """Return the first moment, from this one on, at which it is open: in UTC, and this one while it is open."""
        return next(self._openings(moment))[0]

    def add(self, moment: datetime, open_hours: float) -> datetime:
        """Return when this many hours of opening time have passed, in UTC; with 0, as `next_opening`.

        Raises ValueError for hours below 0.
        """
        if open_hours < 0:
            raise ValueError("hours to come cannot be less than 0")
        rest = timedelta(hours=open_hours)
        for begins, ends in self._openings(moment):
            if rest <= ends - begins:
                return begins + rest
            rest -= ends - begins
        raise AssertionError  # the openings have no end

    def describe(self, zone: str, on: datetime) -> str:
        """Tell the hours by the clocks of another zone, for people: those of the seven days from `on`.

        `on` matters, because the clocks of two zones do not change on the same day. Holidays are left aside.
        """
        there, first = ZoneInfo(zone), on.astimezone(self.zone).date()
        days: dict[int, list[str]] = {}
        for day in (first + timedelta(days=ahead) for ahead in range(7)):
            for opening in self._openings_of(day):
                begins, ends = (moment.astimezone(there) for moment in opening.on(day, self.zone))
                days.setdefault(begins.weekday(), []).append(f"{begins:%H:%M}-{ends:%H:%M}")
        told = {day: " and ".join(sorted(spans)) for day, spans in sorted(days.items())}
        return f"{', '.join(_joined(told))} ({zone})"

    def _openings(self, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield what there is of openings from a moment on, in order, in UTC and without an end."""
        if moment.utcoffset() is None:
            raise ValueError("a moment needs its time zone")
        today, past = moment.astimezone(self.zone).date(), moment.astimezone(UTC)
        for day in (today + timedelta(days=ahead) for ahead in count()):
            for opening in () if day in self.holidays else self._openings_of(day):
                begins, ends = opening.on(day, self.zone)
                if ends > past:
                    yield max(begins, past), ends
                    past = ends

    def _openings_of(self, day: date) -> tuple[Opening, ...]:
        return self.hours.get(DAYS[day.weekday()], ())


def tell_moment(moment: datetime, zone: str) -> str:
    """Write a moment by the clocks of a zone, for people: `Monday 30 March 2026, 10:00 (Europe/Berlin)`."""
    there = moment.astimezone(ZoneInfo(zone))
    return f"{there:%A} {there.day} {there:%B %Y, %H:%M} ({zone})"


def _in_utc(day: date, moment: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, moment, zone).astimezone(UTC)


def _joined(days: Mapping[int, str]) -> Iterator[str]:
    """Yield `Mon-Fri 09:00-18:00` for days in a row that have the same hours."""
    first: int | None = None
    for day, spans in days.items():
        first = day if first is None else first
        if days.get(day + 1) != spans:
            name = DAYS[day].title() if first == day else f"{DAYS[first].title()}-{DAYS[day].title()}"
            yield f"{name} {spans}"
            first = None


def _fields_of(text: str) -> dict[str, Any]:
    """Sort the words of a text: days are followed by their hours; a date is a holiday; what is left is the zone."""
    hours: dict[str, list[str]] = {}
    days: list[str] = []
    holidays, zones = [], []
    complete = True
    for word in re.split(r"[\s,;]+", text.strip()):
        if _DAY_RANGE.fullmatch(word):
            days, complete = [word] if complete else [*days, word], False
        elif days and _SPAN.fullmatch(word):
            complete = True
            for day in days:
                hours.setdefault(day, []).append(word)
        elif _DATE.fullmatch(word):
            holidays.append(word)
        elif word.lower() != "closed":
            zones.append(word)
    if len(zones) != 1 or not complete:
        raise ValueError(FORM)
    return {"time_zone": zones[0], "hours": hours, "holidays": holidays}


def _json(text: str) -> Any:
    try:
        return from_json(text)
    except ValueError as error:
        raise ValueError(f"is no JSON: {error}") from None


def _sentence(error: ErrorDetails) -> str:
    return f"{'.'.join(map(str, error['loc']))}: {error['msg'].removeprefix('Value error, ')}"

"""The forms of facts that are compared: dates, weekdays and spans, each in one spelling whatever text has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from backdesk.quality.calendar import SPANS
from backdesk.quality.figures import readings


def parts_of(form: str) -> Iterator[str]:
    """Yield a form and those that it holds: of a date its year, of an id its numbers."""
    yield form
    if is_date(form):
        yield from forms_of_date(date.fromisoformat(form))
    elif (
        re.search(r"[a-z]", form)
        and (digits := re.findall(r"\d+", form))
        and not form.endswith((" min", " h", " months"))
    ):
        yield from (each for part in digits for each in readings(part))


def is_date(form: str) -> bool:
    """Whether a form is a date with its year."""
    return re.fullmatch(r"\d{4}-\d\d-\d\d", form) is not None


def forms_of_date(day: date) -> tuple[str, ...]:
    """Return the forms that a date supports."""
    return day.isoformat(), f"{day:%m-%d}", f"{day:%Y-%m}", f"{day:%Y}", weekday(day)


def weekday(day: date) -> str:
    """Return the form of a date's weekday."""
    return f"weekday {day.weekday()}"


def span_of(count: int, span: str) -> str:
    """Return the form of so many minutes, hours, days, weeks, months or years."""
    if span == "minute" and count % 60 == 0:
        count, span = count // 60, "hour"
    unit, times = SPANS[span]
    return f"{count * times} {unit}"


def dates_of(form: str, today: date | None) -> Iterator[date]:
    """A day and month without a year is one of the year around today."""
    if today is not None and re.fullmatch(r"\d\d-\d\d", form):
        for year in (today.year, today.year + (1 if today.month > 6 else -1)):
            if (day := day_or_none(year, int(form[:2]), int(form[3:]))) is not None:
                yield day


def day_or_none(year: int, month: int, day: int) -> date | None:
    """Return a date, if there is such a one."""
    try:
        return date(year, month, day)
    except ValueError:
        return None


def date_forms(*readings_of_it: tuple[int | None, int, int]) -> frozenset[str]:
    """Return the forms of a date, in those readings that are one."""
    found = set()
    for year, month, day in readings_of_it:
        if day_or_none(year or 2024, month, day):
            found.add(f"{year:04}-{month:02}-{day:02}" if year else f"{month:02}-{day:02}")
    return frozenset(found)

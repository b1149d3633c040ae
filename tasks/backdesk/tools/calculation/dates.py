"""Days of the calendar: spans between them, months and working days added to them. Monday to Friday; no holidays."""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from fractions import Fraction

from backdesk.tools.calculation.errors import NotCalculable
from backdesk.tools.calculation.values import shown, whole

#: How far from a day another may be. Days.
FARTHEST = 1_000_000
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def read_date(text: str) -> date:
    """Return the day that is written as year-month-day. Raises NotCalculable."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise NotCalculable(f"{text} is no day of the calendar") from None


def plus_days(day: date, days: Fraction) -> date:
    """Return a day so many days later. Raises NotCalculable."""
    count = whole(days, "a number of days")
    return _within(day, count)


def plus_months(day: date, months: Fraction) -> date:
    """Return the same day so many months later; the last of the month where that has no such day."""
    count = whole(months, "a number of months")
    if abs(count) > FARTHEST:
        raise NotCalculable(f"{shown(months)} months are too many here")
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    if not date.min.year <= year <= date.max.year:
        raise NotCalculable("the calendar has years from 1 to 9999")
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def plus_working_days(day: date, working_days: Fraction) -> date:
    """Return the working day that is so many working days later, or earlier, not counting the day itself."""
    count = whole(working_days, "a number of working days")
    if abs(count) > FARTHEST:
        raise NotCalculable(f"{shown(working_days)} working days are too many here")
    step = 1 if count >= 0 else -1
    weeks, left = divmod(abs(count), 5)
    if weeks and not left:
        # A whole week less, and that one day by day: it ends on a working day whatever day it begins on.
        weeks, left = weeks - 1, 5
    day = _within(day, step * 7 * weeks)
    while left:
        day = _within(day, step)
        left -= day.weekday() < 5
    return day


def working_days_between(first: date, last: date) -> int:
    """Return how many working days come after the first day, up to the last; negative if that is before it."""
    if last < first:
        return -working_days_between(last, first)
    weeks, rest = divmod((last - first).days, 7)
    return weeks * 5 + sum((first.weekday() + each) % 7 < 5 for each in range(1, rest + 1))


def weekday_of(day: date) -> str:
    """Return the name of a day's weekday."""
    return WEEKDAYS[day.weekday()]


def _within(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        raise NotCalculable("the calendar has years from 1 to 9999") from None

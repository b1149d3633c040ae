"""Recurrence: the moments of a cron expression in a time zone, or of an interval. Pure.

Moments are in ms since 1970, so that a change of clocks is the business of cron expressions alone. Those are read as
Debian's cron reads them (the library cronsim).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from backdesk.worker.errors import InvalidRequest

FIELDS = 5
#: Longer than any sensible list of minutes; a bound on what is parsed.
LONGEST_EXPRESSION = 256
ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


@dataclass(frozen=True)
class Cron:
    """A cron expression of five fields in a time zone; see `read_cron`."""

    expression: str
    zone: ZoneInfo

    @cached_property
    def _fields(self) -> str:
        return ALIASES.get(self.expression.lower(), self.expression)

    def after(self, ms: int) -> int | None:
        """Return the first moment after this one; None when there is none in the next fifty years.

        A time of day that clocks leap over falls due at the leap, one that they show twice at the first of the two.
        With a star for the minute or the hour, time passes as it does: what is leapt over is left out, what is shown
        twice falls due twice.
        """
        for moment in CronSim(self._fields, datetime.fromtimestamp(ms / 1000, UTC).astimezone(self.zone)):
            # In the hour that clocks show for the second time, a fixed time of day may still give the first.
            if (found := round(moment.timestamp() * 1000)) > ms:
                return found
        return None


@dataclass(frozen=True)
class Interval:
    """Every so many ms, counted from a moment, so that nothing that is late shifts what comes after."""

    every_ms: int
    anchor_ms: int

    def after(self, ms: int) -> int | None:
        """Return the first moment after this one, the anchor at the earliest."""
        return self.anchor_ms + max((ms - self.anchor_ms) // self.every_ms + 1, 0) * self.every_ms


@dataclass(frozen=True)
class Recurrence:
    """A rule within its bounds, both of which belong to it."""

    rule: Cron | Interval
    starts_ms: int | None = None
    ends_ms: int | None = None

    def after(self, ms: int) -> int | None:
        """Return the first moment after this one, None when it recurs no more."""
        found = self.rule.after(ms if self.starts_ms is None else max(ms, self.starts_ms - 1))
        return None if found is None or (self.ends_ms is not None and found > self.ends_ms) else found

    def latest(self, first_ms: int, until_ms: int) -> int:
        """Return the last moment up to `until_ms`; `first_ms` is a moment, and no later.

        Bisects, because years of minutes may lie between the two.
        """
        low, high = first_ms, until_ms
        while low < high:  # `low` is a moment, and none lies between `high` and the end
            middle = (low + high) // 2
            found = self.after(middle)
            if found is None or found > until_ms:
                high = middle
            else:
                low = found
        return low

    def count(self, first_ms: int, before_ms: int, most: int) -> int:
        """Return how many moments there are from `first_ms`, which is one, to before another; at most `most`."""
        counted, moment = 0, first_ms
        while counted < most and moment < before_ms:
            counted += 1
            moment = self.after(moment) or before_ms
        return counted


def read_cron(expression: str, zone: ZoneInfo) -> Cron:
    """Return a cron expression that has been checked; raises InvalidRequest (`cron`).

    Five fields (minute, hour, day of the month, month, day of the week) or one of `ALIASES`.
    """
    if not isinstance(expression, str) or len(expression) > LONGEST_EXPRESSION:
        raise InvalidRequest("cron", f"must be a text of at most {LONGEST_EXPRESSION} characters")
    fields = ALIASES.get(expression.strip().lower(), expression).split()
    if len(fields) != FIELDS:
        raise InvalidRequest("cron", f"{expression!r} {_not_five(expression, len(fields))}")
    try:
        cron = Cron(" ".join(expression.split()), zone)
        if cron.after(0) is None:
            raise InvalidRequest("cron", f"{expression!r} fits no date")
    except CronSimError as error:
        wrong = str(error).lower().removeprefix("bad ").replace("-", " ")
        raise InvalidRequest("cron", f"{expression!r}: its {wrong} cannot be read") from None
    return cron


def read_zone(name: str) -> ZoneInfo:
    """Return a time zone by its name in the tz database; raises InvalidRequest (`timezone`)."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError, AttributeError):  # a folder, a path, no text at all
        sample = "a name of the tz database, such as Europe/Berlin or UTC"
        raise InvalidRequest("timezone", f"{name!r} is not known; give {sample}") from None


def _not_five(expression: str, count: int) -> str:
    if expression.strip().startswith("@"):
        return f"is none of {', '.join(ALIASES)}"
    hint = "; for seconds there is `every`" if count == FIELDS + 1 else ""
    return f"has {count} fields; five are needed: minute, hour, day of the month, month, day of the week{hint}"

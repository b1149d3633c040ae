"""How fast a job goes and how long it will take, as people read it: from what its progress events tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from rich.filesize import decimal

from backdesk.cli.options.moments import shown_span
from backdesk.worker.model.forecast import Forecast

#: What progress events may count, by the names in their data. The count is out of `total`, if that is there.
COUNTED = ("rows", "items", "bytes", "done")
MINUTE_S = 60


class Pace:
    """What the progress events of one piece of work tell of its pace, by the time of those events."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._counts = Forecast(clock)
        self._shares = Forecast(clock)
        self._unit = ""
        self._clock = clock
        #: When the work says itself that it will be done; it knows better.
        self._done_at: float | None = None
        self.fraction: float | None = None

    def observe(self, data: Mapping[str, Any]) -> None:
        """Take in the data of an event."""
        unit = next((name for name in COUNTED if _number(data.get(name)) is not None), "")
        if unit != self._unit:
            self._counts, self._unit = Forecast(self._clock), unit
        count, total = _number(data.get(unit)), _number(data.get("total"))
        if count is not None:
            self._counts.observe(count, total)
        fraction = _number(data.get("fraction"))
        if fraction is None and count is not None and total:
            fraction = count / total
        if fraction is not None and 0 <= fraction <= 1:
            self.fraction = fraction
            self._shares.observe(fraction, 1)
        said = _number(data.get("remaining_s"))
        self._done_at = self._clock() + said if said is not None and said >= 0 else None

    def text(self) -> str:
        """Return the rate and the remaining time, as far as they are known: `1,200 rows/s, 25 s left`."""
        return ", ".join(filter(None, (self._rate_text(), self._rest_text())))

    def _rate_text(self) -> str:
        if self._unit:
            rate = self._counts.rate
            return "" if rate is None else rate_text(rate, self._unit)
        rate = self._shares.rate
        return "" if rate is None else rate_text(100 * rate, "%")

    def _rest_text(self) -> str:
        if self.fraction == 1:
            return ""
        if self._done_at is not None:
            return rest_text(max(0.0, self._done_at - self._clock()))
        remaining_s = self._shares.remaining_s
        return "" if remaining_s is None else rest_text(remaining_s)


class EventClock:
    """The time of a job whose events come late, or all at once: that of its last event, and what has passed since."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._event_at = 0.0
        self._heard_at = clock()

    def hear(self, at: datetime) -> None:
        """Note the time of an event that has just come."""
        self._event_at, self._heard_at = max(self._event_at, at.timestamp()), self._clock()

    def __call__(self) -> float:
        """Return the time, in seconds of the epoch."""
        return self._event_at + self._clock() - self._heard_at


def rate_text(rate: float, unit: str) -> str:
    """Say how much is done in a second, or in a minute where that is more of a number."""
    if unit == "bytes":
        return f"{decimal(int(rate))}/s"
    name = {"%": " %", "done": ""}.get(unit, f" {unit}")
    return f"{_figure(rate)}{name}/s" if rate >= 1 else f"{_figure(rate * MINUTE_S)}{name}/min"


def rest_text(seconds: float) -> str:
    """Say how long it will take from now on."""
    return f"{shown_span(seconds) if seconds >= MINUTE_S else f'{seconds:.0f} s'} left"


def _figure(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}"


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

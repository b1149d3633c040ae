"""How fast an export is, and how long it will take: once that can be known."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

#: Before an estimate is one: seconds that were measured, and the part of the rows that was read meanwhile.
LEAST_S, LEAST_SHARE = 1.0, 0.01


class Meter:
    """The speed of one attempt from the first that is told on.

    What was done before counts as done, not as speed, and the time until then not at all.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: tuple[float, int] | None = None

    def told(self, rows: int, total: int) -> dict[str, Any]:
        """Return rows a second, and the seconds that remain, as far as they can be told by now."""
        now = self._clock()
        began, first = self._began = self._began or (now, rows)
        took, done = now - began, rows - first
        if took < LEAST_S or done < max(1, LEAST_SHARE * total):
            return {}
        rate = done / took
        return {"rows_per_s": round(rate), "remaining_s": round(max(0, total - rows) / rate, 1)}

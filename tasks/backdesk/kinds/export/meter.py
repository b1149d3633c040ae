"""How fast an export is, and how long it will take: once that can be known."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

#: Before an estimate is one: seconds that were measured, and the part of the rows that was read meanwhile.
LEAST_S, LEAST_SHARE = 1.0, 0.01


class Meter:
    """The speed of one attempt from its first row on. What earlier attempts have done counts as done, not as speed."""

    def __init__(self, rows: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._first = rows

    def told(self, rows: int, total: int) -> dict[str, Any]:
        """Return rows a second, and the seconds that remain, as far as they can be told by now."""
        took, done = self._clock() - self._began, rows - self._first
        if took < LEAST_S or done < max(1, LEAST_SHARE * total):
            return {}
        rate = done / took
        return {"rows_per_s": round(rate), "remaining_s": round(max(0, total - rows) / rate, 1)}

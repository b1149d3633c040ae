"""How often to speak: progress that is read by people is worth some twenty events a second, not thousands."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Says yes at most once an interval. The first question gets a yes."""

    def __init__(self, interval_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = interval_s
        self._clock = clock
        self._next = float("-inf")

    def due(self) -> bool:
        """Whether it is time again; a yes starts the next interval."""
        now = self._clock()
        if now < self._next:
            return False
        self._next = now + self._interval_s
        return True

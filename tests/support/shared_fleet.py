"""Workers that many tests share, and that sleep while none of them is run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Timer

from tests.support.workers import Fleet

#: For how long no test has asked for them when they are sent to sleep, in s.
QUIET_S = 2.0


class SharedFleet:
    """A fleet whose workers are suspended unless a test has it: idle, they take a twentieth of a core."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._lock = Lock()
        self._timer = Timer(0, lambda: None)
        self._in_use = self._asleep = False

    @contextmanager
    def awake(self) -> Iterator[Fleet]:
        """Have them work within the block."""
        self._timer.cancel()
        with self._lock:
            self._in_use = True
            if self._asleep:
                self._fleet.wake()
                self._asleep = False
        try:
            yield self._fleet
        finally:
            self._in_use = False
            self._timer = Timer(QUIET_S, self._sleep)
            self._timer.start()

    def close(self) -> None:
        """Leave them as they are."""
        self._timer.cancel()

    def _sleep(self) -> None:
        with self._lock:
            if not self._in_use:
                self._fleet.doze()
                self._asleep = True

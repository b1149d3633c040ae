"""A query that runs: until when it may, and how another thread stops it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from backdesk.tools.database.refused import Refused


class Running:
    """The time that a query has, in seconds from now, and the means to end it at once: `stop()`."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._seconds = seconds
        self._stopped = threading.Event()
        self._interrupt: Callable[[], object] = lambda: None

    @property
    def left_s(self) -> float:
        """Seconds that are left; 0 when it was stopped."""
        return 0.0 if self._stopped.is_set() else max(0.0, self._until - time.monotonic())

    def again(self) -> None:
        """Give the whole time anew, for what the query does next."""
        self._until = time.monotonic() + self._seconds

    def interrupted_by(self, interrupt: Callable[[], object]) -> None:
        """Have `stop` call this, too: it may be called from any thread."""
        self._interrupt = interrupt

    def stop(self) -> None:
        """End the query, from any thread."""
        self._stopped.set()
        self._interrupt()

    def too_slow(self) -> Refused:
        """Return what to raise for a query that ran out of time."""
        return Refused(f"the query took longer than {self._seconds:g} s: narrow it, or join fewer rows")

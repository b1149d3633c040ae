"""A thread that does one thing at an interval, survives its errors and stops when told.

That Redis is away is no surprise: it is told in a short line, and not at every round.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from backdesk.worker.store.connection import explained, is_outage
from backdesk.worker.store.key_watch import KeyWatch

log = logging.getLogger(__name__)

#: While Redis is away each thread says so this often. Seconds.
OUTAGE_LOG_EVERY_S = 5.0


class Periodic:
    """Calls `action` every `interval_s`, first at once; sooner when it gives in how many seconds, or `watch` says so.

    An error is logged and the next round comes all the same; after `retry_s`, if given, where it was Redis that failed.
    """

    def __init__(
        self,
        name: str,
        interval_s: float,
        action: Callable[[], float | None],
        *,
        retry_s: float | None = None,
        watch: KeyWatch | None = None,
    ) -> None:
        self._name = name
        self._interval_s = interval_s
        self._retry_s = interval_s if retry_s is None else retry_s
        self._action = action
        self._stop, self._hurried = threading.Event(), watch or threading.Event()
        self._quiet_until = 0.0
        self._thread = threading.Thread(target=self._run, name=f"backdesk-{name}", daemon=True)

    def start(self) -> None:
        """Start the thread; call it once."""
        self._thread.start()

    def hurry(self) -> None:
        """Have the next round come at once. Safe to call from any thread."""
        self._hurried.set()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Ask for the end and wait for the round at hand, at most `timeout_s`. Idempotent."""
        self._stop.set()
        self._hurried.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._hurried.clear()
            pause_s = self._interval_s
            try:
                sooner_s = self._action()
                pause_s = pause_s if sooner_s is None else min(pause_s, sooner_s)
            except Exception as error:  # noqa: BLE001 - the next round comes all the same
                self._report(error)
                if is_outage(error):
                    pause_s = self._retry_s
            if not self._stop.is_set():
                self._hurried.wait(pause_s)

    def _report(self, error: Exception) -> None:
        if not is_outage(error):
            log.error("periodic_failed", exc_info=error, extra={"task_name": self._name})
        elif time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + OUTAGE_LOG_EVERY_S
            log.warning("redis_unavailable", extra={"task_name": self._name, "error": explained(error)})


class PeriodicService:
    """What does its work in rounds, in threads of its own."""

    def __init__(self, *threads: Periodic) -> None:
        self._threads = threads

    def start(self) -> None:
        """Begin; call it once."""
        for thread in self._threads:
            thread.start()

    def hurry(self) -> None:
        """Have the next rounds come at once. Safe to call from any thread."""
        for thread in self._threads:
            thread.hurry()

    def stop(self) -> None:
        """Stop. Idempotent."""
        for thread in self._threads:
            thread.stop()

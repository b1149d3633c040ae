"""The signals that end a worker, as an orchestrator or a terminal sends them."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import FrameType
from typing import Any

log = logging.getLogger(__name__)


class Shutdown:
    """Turns the signals to a worker's main process into one request to begin its end, and perhaps one to hurry.

    The first SIGTERM or SIGINT begins: Celery stops consuming, waits for the running tasks and exits with code 0. The
    second, or SIGQUIT at any time, asks for hurry as well: `hurry` has to end the running tasks. Celery's own answer,
    the cold shutdown, does not take place: it is an error in a thread pool, and fails the running jobs in a prefork
    pool. What the children of a prefork pool make of these signals is in `prefork`.
    """

    def __init__(self, begin: Callable[[], None], hurry: Callable[[], None]) -> None:
        """Each is called at most once, in a thread; `hurry` after `begin`, but without waiting for its end."""
        self._begin = begin
        self._hurry = hurry
        self._warm: Any = None
        self._asked = False
        # Its `put`, unlike a lock or the start of a thread, is allowed in a signal handler whatever that interrupts.
        self._received: SimpleQueue[int] = SimpleQueue()

    def install(self) -> None:
        """Take the signals over from Celery; for the main thread of the main process. They may come from now on."""
        self._warm = signal.getsignal(signal.SIGTERM)
        threading.Thread(target=self._answer, name="backdesk-shutdown", daemon=True).start()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self._asked:
            self._asked = True
            self._warm(signal.SIGTERM, frame)
        self._received.put(number)

    def _answer(self) -> None:
        first = self._received.get()
        threading.Thread(target=_attempt, args=(self._begin,), name="backdesk-begin-shutdown", daemon=True).start()
        if first != signal.SIGQUIT:
            self._received.get()
        _attempt(self._hurry)


def _attempt(step: Callable[[], None]) -> None:
    try:
        step()
    except Exception:
        log.exception("shutdown_step_failed")

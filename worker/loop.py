"""The one asyncio loop of a worker process. Celery is blocking outside; agents are coroutines inside.

Clients of models keep connections that belong to their loop, so a loop for each job would break them: the process has
one, in a daemon thread, for as long as it lives.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)


def canceller(future: asyncio.Future[Any]) -> Callable[[], object]:
    """Return what cancels a task or future of the running loop from any other thread."""
    loop = asyncio.get_running_loop()
    return lambda: loop.call_soon_threadsafe(future.cancel)


class ProcessLoop:
    """Runs coroutines for callers in other threads. The thread starts with the first of them."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = threading.Lock()
        self._stopping = False
        self._answered_at = time.monotonic()
        self._asked = False

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._serve, args=(self._loop,), name="backdesk-loop", daemon=True).start()
            return self._loop

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        while not self._stopping:
            try:
                loop.run_forever()
            except BaseException:
                # asyncio lets SystemExit and KeyboardInterrupt of any task out of the loop; the other jobs go on.
                log.exception("loop_left_by_a_task")
        _abandon(asyncio.all_tasks(loop), loop)
        loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine; the caller's context variables go with it. Cancelling the future cancels the coroutine."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._running())

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> None:
        """Call back on the loop after a delay."""
        loop = self._running()
        loop.call_soon_threadsafe(lambda: loop.call_later(delay_s, callback))

    def silent_for(self) -> float:
        """Return the seconds for which the loop has not answered, and ask it again. 0 while it does not run."""
        if self._loop is None:
            return 0.0
        silent_s = time.monotonic() - self._answered_at if self._asked else 0.0
        if not self._asked:
            self._asked, self._answered_at = True, time.monotonic()
            self._loop.call_soon_threadsafe(self._answer)
        return silent_s

    def _answer(self) -> None:
        self._asked = False
        self._answered_at = time.monotonic()

    def stop(self) -> None:
        """Stop the loop and cancel what still runs on it. Idempotent."""
        if self._loop is not None and not self._stopping:
            self._stopping = True
            self._loop.call_soon_threadsafe(self._loop.stop)


def _abandon(tasks: set[asyncio.Task[Any]], loop: asyncio.AbstractEventLoop) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=1))

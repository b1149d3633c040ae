"""The one asyncio loop of a worker process. Celery is blocking outside; agents are coroutines inside.

Clients of models keep connections that belong to their loop, so a loop for each job would break them: the process has
one, in a daemon thread, for as long as it lives.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from backdesk.worker.process.thread_stack import frame_of, stack_text

T = TypeVar("T")

log = logging.getLogger(__name__)


class LoopBlocked(BaseException):
    """Raised inside the body that holds up the event loop, so that it fails and the other jobs go on.

    No Exception, or a body that catches everything and tries again would catch it, too.
    """

    def __str__(self) -> str:
        return "it held up the event loop for too long: await what takes time, or give it to the queue tools as a def"


class ProcessLoop:
    """Runs coroutines for callers in other threads. The thread starts with the first of them."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = threading.Lock()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._ident: int | None = None
        self._asked_at: float | None = None
        self._last_lag_s = 0.0
        self._posted: deque[tuple[Callable[[Any], object], Any]] = deque()
        self._awake = False

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                serve = threading.Thread(target=self._serve, args=(self._loop,), name="backdesk-loop", daemon=True)
                serve.start()
                self._thread = serve
            return self._loop

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        self._ident = threading.get_ident()
        while not self._stopping:
            try:
                loop.run_forever()
            except BaseException:
                # asyncio lets SystemExit and KeyboardInterrupt of any task out of the loop, and LoopBlocked may hit its
                # own code when the body ends in that very moment; the other jobs go on.
                log.exception("loop_left_by_a_task")
        self._ident = None  # another thread may get the same
        _abandon(asyncio.all_tasks(loop), loop)
        loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine; the caller's context variables go with it. Cancelling the future cancels the coroutine."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._running())

    def post(self, callback: Callable[[T], object], argument: T) -> None:
        """Call back on the loop, soon and in order; never once it has stopped. Safe to call from any thread.

        However many calls come together, they wake the loop once.
        """
        self._posted.append((callback, argument))
        if not self._awake:
            self._awake = True
            self._wake()

    def _wake(self) -> None:
        if self.is_here():
            self.soon(self._deliver)
            return
        loop = self._running()
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._awake = False  # first: what is posted from here on wakes the loop again
        try:
            for _ in range(len(self._posted)):
                callback, argument = self._posted.popleft()
                callback(argument)
        finally:
            if self._posted and not self._awake:  # one of them has raised
                self._awake = True
                self._wake()

    def is_here(self) -> bool:
        """Whether this thread is the loop's."""
        return threading.get_ident() == self._ident

    def soon(self, callback: Callable[[], None]) -> None:
        """Call back in the next turn of the loop; on its own thread only, as the two below."""
        self._running().call_soon(callback)

    def watch(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Call back whenever a descriptor is readable."""
        self._running().add_reader(descriptor, callback)

    def unwatch(self, descriptor: int) -> None:
        """Stop that. Idempotent; the descriptor may be closed."""
        self._running().remove_reader(descriptor)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> None:
        """Call back on the loop after a delay."""
        loop = self._running()
        if self.is_here():
            loop.call_later(delay_s, callback)
        else:
            loop.call_soon_threadsafe(loop.call_later, delay_s, callback)

    def silent_for(self) -> float:
        """Return the seconds for which the loop has not answered, and ask it again. 0 while it does not run."""
        if self._loop is None or self._stopping:
            return 0.0
        asked_at = self._asked_at
        if asked_at is not None:
            return time.monotonic() - asked_at
        self._asked_at = time.monotonic()
        self._loop.call_soon_threadsafe(self._answer)
        return 0.0

    def _answer(self) -> None:
        if self._asked_at is not None:
            self._last_lag_s = time.monotonic() - self._asked_at
        self._asked_at = None

    @property
    def lag_s(self) -> float:
        """How late the loop answers: the last time that it did, or by now."""
        return max(self.silent_for(), self._last_lag_s)

    def stack(self) -> str:
        """Return what the loop's thread is doing; "" when it does not run."""
        return stack_text(frame_of(self._thread)) if self._thread else ""

    def interrupt(self) -> None:
        """Raise LoopBlocked where the loop's thread is; one that is held up outside of Python, when it comes back."""
        ident = ctypes.c_ulong((self._thread and self._thread.ident) or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(LoopBlocked))
        if self._loop is not None:
            # Asked anew: should it hit asyncio's own code, the callback that answers may be the one that is dropped.
            self._loop.call_soon_threadsafe(self._answer)

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

"""The interrupt of a blocking body: from another thread, the way Ctrl-C stops a program."""

from __future__ import annotations

import asyncio
import ctypes
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: Nobody else's in a worker, and ignored by every process that has no handler for it.
SIGNAL = signal.SIGURG

#: How often a signal is sent that has shown no effect, and after what pause in seconds.
RESENDS, RESEND_AFTER_S = 50, 0.02

_raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
_raise_in.argtypes = (ctypes.c_ulong, ctypes.py_object)
_NOTHING = ctypes.py_object()


class Interrupt:
    """One run of a body in this thread, and from any other thread the means to stop it: `interrupt()`.

    It raises `asyncio.CancelledError` at any point of the body. In the main thread of a process that breaks also a
    sleep and a wait for a socket; in any other thread it reaches Python code alone, so that a blocking call of C ends
    first. A body may swallow it and go on; each further `interrupt()` raises again.
    """

    def __init__(self) -> None:
        self._asked = False
        self._open = False
        self._sending = False
        self._senders = threading.Lock()
        self._thread = 0
        self._in_main_thread = False

    def run(self, body: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the body, at most once in the life of an `Interrupt`. No interrupt is felt after the return.

        This is no context manager, because Python may raise what is pending at the first step of an `__exit__`, which
        would then not run.
        """
        self._prepare()
        try:
            self._open = True
            if self._asked:
                raise asyncio.CancelledError
            return body(*args, **kwargs)
        finally:
            # CPython raises what is pending after a call, at a jump backwards and at the start of a function. Up to the
            # withdrawal there is none of these, so that the block is closed whatever happens.
            self._open = False
            if self._asked:  # who asks from here on finds the block closed
                _raise_in(self._thread, _NOTHING)
                while self._sending:  # it may have found the block open; if it hits us, it does so here
                    time.sleep(0)
                _raise_in(self._thread, _NOTHING)

    def _prepare(self) -> None:
        self._thread = threading.get_ident()
        self._in_main_thread = threading.current_thread() is threading.main_thread()
        if self._in_main_thread:
            # Never restored: Python complains of a signal that arrives while its handler is taken away.
            signal.signal(SIGNAL, self._on_signal)

    def __call__(self) -> None:
        """Stop the body from another thread: now, at its start if that is still to come, or never if it has ended."""
        with self._senders:
            self._asked = self._sending = True
            try:
                if self._open:
                    self._send()
            finally:
                self._sending = False

    def _send(self) -> None:
        if not self._in_main_thread:
            _raise_in(self._thread, asyncio.CancelledError)
            return
        # One that comes just before a call of the system begins to wait is not felt until that call returns.
        for _ in range(RESENDS):
            signal.pthread_kill(self._thread, SIGNAL)
            time.sleep(RESEND_AFTER_S)
            if not (self._open and self._asked):
                return

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._open and self._asked:
            self._asked = False
            raise asyncio.CancelledError

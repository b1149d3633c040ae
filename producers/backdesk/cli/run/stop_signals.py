"""Signals that ask a command to stop, so that it can stop what it has started."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Handler = Callable[[int, FrameType | None], None]


class StopRequest:
    """Counts how often we were asked to stop: the second time means at once."""

    def __init__(self) -> None:
        self.times = 0

    def __bool__(self) -> bool:
        return self.times > 0

    def _count(self, _number: int, _frame: FrameType | None) -> None:
        self.times += 1


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Within the block, requests to stop are counted and interrupt nothing."""
    request = StopRequest()
    with _handling(request._count):  # noqa: SLF001 - the class and this function are one thing
        yield request


@contextmanager
def stop_interrupts() -> Iterator[None]:
    """Within the block, requests to stop raise: KeyboardInterrupt for Ctrl-C, SystemExit for the others."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    with _handling(interrupt):
        yield


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Within the block, which must be short, requests to stop are ignored: it is already stopping."""
    with _handling(lambda _number, _frame: None):
        yield


@contextmanager
def _handling(handler: Handler) -> Iterator[None]:
    before: dict[signal.Signals, Any] = {}
    for number in _ASKING:
        # `nohup` ignores the end of the terminal on purpose.
        if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
            continue
        before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)

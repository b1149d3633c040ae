"""Waiting in tests: for a condition and with a deadline, never for a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE_S = 0.01
#: Only a failure waits so long; a starved machine may need much of it.
PATIENCE_S = 60.0


def eventually(condition: Callable[[], T], deadline_s: float = PATIENCE_S, *, what: str = "the condition") -> T:
    """Ask until the answer is true, and return it; fail after `deadline_s`."""
    end = time.monotonic() + deadline_s
    while not (answer := condition()):
        assert time.monotonic() < end, f"{what} did not come true within {deadline_s:g} s; last answer: {answer!r}"
        time.sleep(PAUSE_S)
    return answer


async def eventually_async(
    condition: Callable[[], T], deadline_s: float = PATIENCE_S, *, what: str = "the condition"
) -> T:
    """The same on an event loop."""
    end = time.monotonic() + deadline_s
    while not (answer := condition()):
        assert time.monotonic() < end, f"{what} did not come true within {deadline_s:g} s; last answer: {answer!r}"
        await asyncio.sleep(PAUSE_S)
    return answer

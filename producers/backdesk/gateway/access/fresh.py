"""What was read a moment ago."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

#: Entries that are remembered.
MOST = 10_000

T = TypeVar("T")


class Fresh(Generic[T]):
    """Values by name, each fresh for so many seconds; the oldest are forgotten where there are too many."""

    def __init__(self, for_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._for_s = for_s
        self._clock = clock
        self._kept: dict[str, tuple[T, float]] = {}

    def get(self, name: str, *, late_s: float = 0.0) -> T | None:
        """Return a value, None if it is not known, or is not fresh for longer than `late_s`."""
        value, until = self._kept.get(name, (None, 0.0))
        return value if self._clock() < until + late_s else None

    def put(self, name: str, value: T) -> None:
        """Remember a value."""
        self._kept.pop(name, None)
        self._kept[name] = (value, self._clock() + self._for_s)
        if len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]

    def drop(self, name: str) -> None:
        """Forget a value."""
        self._kept.pop(name, None)

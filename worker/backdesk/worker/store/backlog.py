"""The store calls that wait to be made, each chain in a line of its own. Not safe for use by two threads at once."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any, NamedTuple

from backdesk.worker.store.scripts import Call


class Pending(NamedTuple):
    """A call that is not made yet, by its arrival; no two have the same."""

    arrival: int
    call: Call[Any]
    future: Future[Any]


class Backlog:
    """Calls by arrival, and of each chain only the first: the next comes when that is `done`. O(log n) a call."""

    def __init__(self) -> None:
        self._arrivals = itertools.count()
        #: A heap of those that may be made now.
        self._first: list[Pending] = []
        #: Behind each call of a chain that may be made, or is being made.
        self._behind: dict[tuple[str, str], deque[Pending]] = {}
        self._size = 0

    def __len__(self) -> int:
        """How many there are, those that are being made included."""
        return self._size

    @property
    def ready(self) -> bool:
        """Whether any may be made now."""
        return bool(self._first)

    def add(self, call: Call[Any], future: Future[Any]) -> None:
        """Put a call behind all others of its chain."""
        pending, line = Pending(next(self._arrivals), call, future), call.chain and self._behind.get(call.chain)
        self._size += 1
        if line is not None:
            line.append(pending)
            return
        if call.chain:
            self._behind[call.chain] = deque()
        heapq.heappush(self._first, pending)

    def take(self, most: int) -> list[Pending]:
        """Take those that came first, one of each chain; each is to be `done`, or to be put `back`."""
        return [heapq.heappop(self._first) for _ in range(min(most, len(self._first)))]

    def done(self, taken: Iterable[Pending]) -> None:
        """Let the next of their chains be made."""
        for pending in taken:
            self._size -= 1
            chain = pending.call.chain
            if chain is None:
                continue
            if line := self._behind[chain]:
                heapq.heappush(self._first, line.popleft())
            else:
                del self._behind[chain]

    def back(self, taken: Iterable[Pending]) -> None:
        """Have them made again, where they came."""
        for pending in taken:
            heapq.heappush(self._first, pending)

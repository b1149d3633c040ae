"""The store calls that wait to be made, each chain in a line of its own. Not safe for use by two threads at once."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

from backdesk.worker.store.groups import MOST_JOINED
from backdesk.worker.store.scripts import Call


class Pending(NamedTuple):
    """A call that is not made yet, by its arrival; no two have the same."""

    arrival: int
    call: Call[Any]
    future: Future[Any]


class Backlog:
    """Calls by arrival, and of each chain only the first few: the next come when these are `back`. O(log n) a call."""

    def __init__(self) -> None:
        self._arrivals = itertools.count()
        #: A heap of those that may be made now.
        self._first: list[Pending] = []
        #: Behind the calls of each chain that may be made, or are being made.
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
        """Take about so many that came first, each with those behind it in its chain that may go with it.

        They are to be given `back`.
        """
        taken: list[Pending] = []
        while self._first and len(taken) < most:
            taken += self._in_turn(heapq.heappop(self._first))
        return taken

    def _in_turn(self, last: Pending) -> Iterator[Pending]:
        yield last
        line = self._behind[last.call.chain] if last.call.chain else ()
        for _ in range(MOST_JOINED - 1):
            # Behind one that may be made as one with those of other chains, nothing is made with it.
            if not line or last.call.share:
                return
            last = line.popleft()
            yield last

    def back(self, made: Sequence[Pending], undone: Sequence[Pending]) -> None:
        """Take back what was taken, and let the next of their chains be made: those that are undone where they came."""
        self._size -= len(made)
        for pending in reversed(undone):
            if chain := pending.call.chain:
                self._behind[chain].appendleft(pending)
            else:
                heapq.heappush(self._first, pending)
        for chain in {chain for pending in (*made, *undone) if (chain := pending.call.chain)}:
            if line := self._behind[chain]:
                heapq.heappush(self._first, line.popleft())
            else:
                del self._behind[chain]

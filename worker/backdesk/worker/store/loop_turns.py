"""The round trips of the writer that are made on an event loop, none of which waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from backdesk.worker.store.backlog import Pending
from backdesk.worker.store.round_trip import RoundTrip
from backdesk.worker.store.wire import Wire


class Loop(Protocol):
    """What is needed of an event loop; all but `is_here` is for its own thread."""

    def is_here(self) -> bool:
        """Whether this thread is the one that runs it."""

    def soon(self, callback: Callable[[], None]) -> None:
        """Call back in its next turn."""

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> None:
        """Call back after a delay."""

    def watch(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Call back whenever a descriptor is readable."""

    def unwatch(self, descriptor: int) -> None:
        """Stop that. Idempotent; the descriptor may be closed."""


class LoopTurns:
    """One round trip after the other, as long as calls are lent; what is not answered is given back undone.

    `give_back` returns whether there are more. For the loop's thread alone.
    """

    def __init__(
        self,
        loop: Loop,
        wire: Wire,
        lend: Callable[[], list[Pending]],
        give_back: Callable[[RoundTrip], bool],
        silence_s: float,
    ) -> None:
        self._loop = loop
        self._wire = wire
        self._lend = lend
        self._give_back = give_back
        self._silence_s = silence_s
        self._begun = False
        self._trip: RoundTrip | None = None
        self._watched = -1
        self._heard_at = 0.0
        self._timed = False

    def begin(self) -> None:
        """Make calls from the loop's next turn on: all that are submitted in this one go together."""
        if not self._begun:
            self._begun = True
            self._loop.soon(self._send)

    def _send(self) -> None:
        batch = self._lend()
        if not batch:
            self._begun = False
            return
        self._trip = RoundTrip(self._wire, batch, waits=False)
        self._go_on(self._trip)

    def _read(self) -> None:
        if self._trip is not None:
            self._go_on(self._trip)

    def _go_on(self, trip: RoundTrip) -> None:
        self._heard_at = time.monotonic()
        try:
            over = trip.go_on()
            if not over and self._watched < 0:
                self._watched = self._wire.fileno()
                self._loop.watch(self._watched, self._read)
                self._time()
        except BaseException:
            # A body that holds up the loop is interrupted wherever the loop is by then.
            self._end(trip)
            raise
        if over:
            self._end(trip)

    def _end(self, trip: RoundTrip) -> None:
        if self._watched >= 0:
            self._loop.unwatch(self._watched)
        trip.end()
        self._watched, self._trip = -1, None
        self._begun = self._give_back(trip)
        if self._begun:
            self._loop.soon(self._send)

    def _time(self) -> None:
        """See to it that silence is noticed, by one timer for many round trips."""
        if not self._timed:
            self._timed = True
            self._loop.call_later(self._silence_s, self._look)

    def _look(self) -> None:
        self._timed = False
        left_s = self._heard_at + self._silence_s - time.monotonic()
        if self._trip is not None and left_s <= 0:
            self._end(self._trip)
        elif self._trip is not None:
            self._timed = True
            self._loop.call_later(left_s, self._look)

"""The store calls of a whole process, joined into as few round trips as they need (group commit).

One connection: what is submitted first is written first, so an attempt's events are in the log before its end without
anybody waiting for them. While Redis is away, or refuses to write, the calls wait here and are repeated in their order;
each of our scripts may run twice without harm. Redis refuses each script for itself, so those of one attempt (its
`chain`) never share a round trip, but as one script: its end must not get past an event that was refused.

Calls from the process's event loop are made there: to hand each to another thread and its answer back costs a tenth of
the CPU of a whole run of an agent. What may have to wait is left to a thread, and so are all calls until it has caught
up: those from other threads, those before there is a connection, more than a socket takes at once, and whatever Redis
did not serve.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from typing import TypeVar

import redis

from backdesk.worker.errors import StoreUnavailable
from backdesk.worker.store.backlog import Backlog, Pending
from backdesk.worker.store.connection import explained
from backdesk.worker.store.loop_turns import Loop, LoopTurns
from backdesk.worker.store.round_trip import RoundTrip
from backdesk.worker.store.scripts import Call
from backdesk.worker.store.wire import Wire

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Calls in one round trip; more would delay the first answer without saving much.
MAX_BATCH = 256
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0
LOG_EVERY_S = 5.0


class StoreWriter:
    """Makes store calls in the order in which they were submitted.

    A server that is silent for `silence_s` is taken for one that is away, as it is by the client.
    """

    def __init__(self, client: redis.Redis, loop: Loop | None = None, silence_s: float = 10.0) -> None:
        self._client = client
        self._wire = Wire(client)
        self._backlog = Backlog()
        self._wake = threading.Condition()
        self._closing = False
        #: Whether the thread has to catch up before the loop goes on.
        self._behind = False
        #: Whether the wire and some calls are with the loop.
        self._lent = False
        self._loop = loop
        self._turns = LoopTurns(loop, self._wire, self._lend, self._take_back, silence_s) if loop else None
        self._quiet_until = 0.0
        self._thread = threading.Thread(target=self._run, name="backdesk-writer", daemon=True)
        self._thread.start()

    def submit(self, call: Call[T]) -> Future[T]:
        """Queue a call and return at once; the future gets its answer, or the error that Redis gave for it."""
        future: Future[T] = Future()
        with self._wake:
            if self._closing:
                raise StoreUnavailable("this worker process is closing")
            self._backlog.add(call, future)
            turns = self._turns if self._loop and self._loop.is_here() and not self._behind else None
            if turns is None:
                self._behind = True
                self._wake.notify()
        if turns is not None:
            turns.begin()
        return future

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what is pending, for at most `timeout_s`, and stop. Idempotent."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(timeout_s)
        self._client.close()

    def _lend(self) -> list[Pending]:
        """Give calls to the loop, and the wire with them; none while the thread has it."""
        with self._wake:
            batch = [] if self._behind or self._closing else self._backlog.take(MAX_BATCH)
            self._lent = bool(batch)
            return batch

    def _take_back(self, trip: RoundTrip) -> bool:
        """Take what the loop has come to; gives whether there is more for it."""
        with self._wake:
            self._note(trip)
            self._lent = False
            self._behind = self._behind or trip.reason is not None
            if self._behind or self._closing:
                self._wake.notify()
                return False
            return self._backlog.ready

    def _note(self, trip: RoundTrip) -> None:
        self._backlog.back(trip.made, trip.undone)

    def _run(self) -> None:
        failures = 0
        while batch := self._next_batch():
            trip = RoundTrip(self._wire, batch, waits=True)
            trip.go_on()
            if trip.reason is None:
                failures = 0
            else:
                self._report(trip.reason)
                self._wire.close()  # the next connection may be to a server that can write
                if self._pause(min(FIRST_PAUSE_S * 2**failures, LONGEST_PAUSE_S)):
                    trip.abandon(StoreUnavailable(f"Redis was away when this process closed: {explained(trip.reason)}"))
                failures = min(failures + 1, 10)
            with self._wake:
                self._note(trip)

    def _next_batch(self) -> list[Pending]:
        """Wait for calls that this thread has to make; gives none when it has to end."""
        with self._wake:
            while True:
                if not self._lent and (self._behind or self._closing):
                    if self._backlog.ready or self._closing:
                        return self._backlog.take(MAX_BATCH)
                    self._behind = False
                self._wake.wait()

    def _report(self, error: Exception) -> None:
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + LOG_EVERY_S
            log.warning("redis_unavailable", extra={"error": explained(error), "calls_waiting": len(self._backlog)})

    def _pause(self, seconds: float) -> bool:
        """Wait; gives whether the process is closing, when repeating has no more use."""
        with self._wake:
            return self._wake.wait_for(lambda: self._closing, seconds)

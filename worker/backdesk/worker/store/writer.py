"""The store calls of a whole process, joined into as few round trips as they need (group commit).

One thread and one connection: what is submitted first is written first, so an attempt's events are in the log before
its end without anybody waiting for them. While Redis is away, or refuses to write, the calls wait here and are
repeated in their order; each of our scripts may run twice without harm. Redis refuses each call for itself, so those of
one attempt (its `chain`) never share a round trip: its end must not get past an event that was refused.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from itertools import islice
from typing import Any, TypeVar

import redis

from backdesk.worker.errors import StoreUnavailable
from backdesk.worker.store.backlog import Backlog, Pending
from backdesk.worker.store.connection import explained, is_outage
from backdesk.worker.store.scripts import Call
from backdesk.worker.store.wire import Wire

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Calls in one round trip; more would delay the first answer without saving much.
MAX_BATCH = 256
#: Answers that are told together; fewer would wake those who wait too often.
TOLD_TOGETHER = 64
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0
LOG_EVERY_S = 5.0


class StoreWriter:
    """Makes store calls in the order in which they were submitted."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._wire = Wire(client)
        self._backlog = Backlog()
        self._wake = threading.Condition()
        self._closing = False
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
            self._wake.notify()
        return future

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what is pending, for at most `timeout_s`, and stop. Idempotent."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(timeout_s)
        self._client.close()

    def _run(self) -> None:
        failures = 0
        while batch := self._next_batch():
            made, undone, error = self._make(batch)
            if error is None:
                failures = 0
            else:
                self._report(error)
                self._wire.close()  # the next connection may be to a server that can write
                if self._pause(min(FIRST_PAUSE_S * 2**failures, LONGEST_PAUSE_S)):
                    _give_up(undone, error)
                    made, undone = batch, []
                failures = min(failures + 1, 10)
            with self._wake:
                self._backlog.done(made)
                self._backlog.back(undone)

    def _next_batch(self) -> list[Pending]:
        with self._wake:
            while not self._backlog.ready and not self._closing:
                self._wake.wait()
            return self._backlog.take(MAX_BATCH)

    def _make(self, batch: Sequence[Pending]) -> tuple[list[Pending], list[Pending], Exception | None]:
        """Make calls once; gives those that were made, those that Redis could not serve now, and why.

        Who waits is told as the answers come, and goes on while Redis is at the next.
        """
        undone, reason = dict(enumerate(batch)), None
        try:
            answers = self._wire.answers([each.call for each in batch])
            while together := list(islice(answers, TOLD_TOGETHER)):
                for number, answer in together:
                    if isinstance(answer, Exception) and is_outage(answer):
                        reason = reason or answer
                    else:
                        _settle(undone.pop(number).future, answer)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the callers; the thread must live
            if is_outage(error):
                reason = reason or error
            else:
                while undone:
                    _settle(undone.popitem()[1].future, error)
        made = [pending for number, pending in enumerate(batch) if number not in undone]
        return made, list(undone.values()), reason

    def _report(self, error: Exception) -> None:
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + LOG_EVERY_S
            log.warning("redis_unavailable", extra={"error": explained(error), "calls_waiting": len(self._backlog)})

    def _pause(self, seconds: float) -> bool:
        """Wait; gives whether the process is closing, when repeating has no more use."""
        with self._wake:
            return self._wake.wait_for(lambda: self._closing, seconds)


def _settle(future: Future[Any], answer: Any) -> None:
    if not future.set_running_or_notify_cancel():
        return  # whoever waited has left; the call was made all the same
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


def _give_up(undone: Iterable[Pending], error: Exception) -> None:
    for pending in undone:
        _settle(pending.future, StoreUnavailable(f"Redis was away when this process closed: {explained(error)}"))

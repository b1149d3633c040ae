"""The store calls of a whole process, joined into as few round trips as they need (group commit).

One thread and one connection: what is submitted first is written first, so an attempt's events are in the log before
its end without anybody waiting for them. While Redis is away the calls wait here and are repeated; each of our
scripts may run twice without harm.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from concurrent.futures import Future
from typing import Any, TypeVar

import redis

from worker.connection import UNREACHABLE
from worker.errors import StoreUnavailable
from worker.store.script import Call
from worker.store.wire import Wire

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Calls in one round trip; more would delay the first answer without saving much.
MAX_BATCH = 256
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0


class StoreWriter:
    """Makes store calls in the order in which they were submitted."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._wire = Wire(client)
        self._pending: deque[tuple[Call[Any], Future[Any]]] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="backdesk-writer", daemon=True)
        self._thread.start()

    def submit(self, call: Call[T]) -> Future[T]:
        """Queue a call and return at once; the future gets its answer, or the error that Redis gave for it."""
        future: Future[T] = Future()
        with self._wake:
            if self._closing:
                raise StoreUnavailable("this worker process is closing")
            self._pending.append((call, future))
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
        while batch := self._next_batch():
            replies = self._send(batch)
            for (_, future), reply in zip(batch, replies, strict=True):
                if not future.set_running_or_notify_cancel():
                    continue  # whoever waited has left; the call was made all the same
                if isinstance(reply, Exception):
                    future.set_exception(reply)
                else:
                    future.set_result(reply)

    def _next_batch(self) -> list[tuple[Call[Any], Future[Any]]]:
        with self._wake:
            while not self._pending and not self._closing:
                self._wake.wait()
            return [self._pending.popleft() for _ in range(min(MAX_BATCH, len(self._pending)))]

    def _send(self, batch: list[tuple[Call[Any], Future[Any]]]) -> list[Any]:
        calls = [call for call, _ in batch]
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return self._wire.exchange(calls)
            except UNREACHABLE as error:
                log.warning("redis_unreachable", extra={"error": str(error), "calls_waiting": len(calls)})
                if self._pause(pause_s):
                    return [StoreUnavailable(f"Redis was away when this process closed: {error}")] * len(calls)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            except Exception as error:  # noqa: BLE001 - whatever it is belongs to the callers; the thread must live
                return [error] * len(calls)

    def _pause(self, seconds: float) -> bool:
        """Wait; gives whether the process is closing, when repeating has no more use."""
        with self._wake:
            return self._wake.wait_for(lambda: self._closing, seconds)

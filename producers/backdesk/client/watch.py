"""Following a job: first the log, then the channel, so that who joins late misses nothing and sees nothing twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

import redis
from redis.client import PubSub

from backdesk.worker.model.events import JobEvent
from backdesk.worker.store.connection import UNREACHABLE, translated
from backdesk.worker.store.records import read_event

#: While the channel is silent the log is read this often, in seconds: a message can be lost, an entry cannot.
LOG_EVERY_S = 5.0

#: Reads the log beyond an event number; says too whether the job has ended.
Read = Callable[[int], tuple[list[JobEvent], bool]]


class Cursor:
    """How far a watcher has come. Pure: it only decides what to hand on."""

    def __init__(self, after: int) -> None:
        self.seq = after
        self.done = False

    def follows(self, event: JobEvent) -> bool:
        """Whether an event from the channel is the next one; one further ahead means that the log must be read."""
        return event.seq == self.seq + 1

    def seen(self, event: JobEvent) -> bool:
        """Whether an event was handed on before."""
        return event.seq <= self.seq

    def take(self, events: Iterable[JobEvent]) -> Iterator[JobEvent]:
        """Hand on events in order, without those seen before, and stop after the terminal one."""
        for event in events:
            if self.done or self.seen(event):
                continue
            self.seq = event.seq
            self.done = event.terminal
            yield event


class Watch:
    """The events of one job, in order, each once. Iterate once; it survives lost connections."""

    def __init__(
        self, client: redis.Redis, channel: str, read: Read, after: int, *, deadline: float | None, timeout_s: float
    ) -> None:
        self._redis = client
        self._channel = channel
        self._read = read
        self._cursor = Cursor(after)
        self._deadline = deadline
        self._timeout_s = timeout_s
        self._pubsub: PubSub | None = None

    def __enter__(self) -> Self:
        with translated():
            self._subscribe()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the subscription. Idempotent."""
        if self._pubsub is not None:
            self._pubsub.close()
            self._pubsub = None

    def __iter__(self) -> Iterator[JobEvent]:
        try:
            while not self._cursor.done and self._left() > 0:
                # First the subscription, then the log: what happens in between is in both, never in neither.
                with translated(), suppress(*UNREACHABLE):
                    self._subscribe()
                logged, ended = self._read(self._cursor.seq)
                yield from self._cursor.take(logged)
                if ended:
                    return
                yield from self._live()
        finally:
            self.close()

    def _live(self) -> Iterator[JobEvent]:
        """Hand on what the channel brings, until the log must be read: after silence, a gap or a lost connection."""
        while not self._cursor.done:
            wait_s = min(LOG_EVERY_S, self._left())
            if wait_s <= 0:
                return
            try:
                message = self._pubsub.get_message(timeout=wait_s) if self._pubsub else None
            except UNREACHABLE:
                self.close()
                return
            if message is None:
                return
            event = read_event(message["data"])
            if self._cursor.follows(event):
                yield from self._cursor.take([event])
            elif not self._cursor.seen(event):
                return

    def _subscribe(self) -> None:
        if self._pubsub is None:
            pubsub = self._redis.pubsub(ignore_subscribe_messages=True)
            pubsub.subscribe(self._channel)
            # The first answer of the server is the confirmation: only from here on nothing is missed.
            pubsub.get_message(ignore_subscribe_messages=False, timeout=self._timeout_s)
            self._pubsub = pubsub

    def _left(self) -> float:
        return float("inf") if self._deadline is None else self._deadline - time.monotonic()

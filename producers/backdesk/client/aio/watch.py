"""Following a job: first the log, then the channel, so that who joins late misses nothing and sees nothing twice."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Self

from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from backdesk.client.operations.cursor import LOG_EVERY_S, Cursor
from backdesk.worker.model.events import JobEvent
from backdesk.worker.store.connection import UNREACHABLE, translated
from backdesk.worker.store.records import read_event

#: Reads the log beyond an event number; says too whether the job has ended.
Read = Callable[[int], Awaitable[tuple[list[JobEvent], bool]]]


class AsyncWatch:
    """The events of one job, in order, each once. Iterate once, with `async for`; it survives lost connections."""

    def __init__(
        self, redis: Redis, channel: str, read: Read, after: int, *, deadline: float | None, timeout_s: float
    ) -> None:
        self._redis = redis
        self._channel = channel
        self._read = read
        self._cursor = Cursor(after)
        self._deadline = deadline
        self._timeout_s = timeout_s
        self._pubsub: PubSub | None = None

    async def __aenter__(self) -> Self:
        with translated():
            await self._subscribe()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the subscription. Idempotent."""
        if self._pubsub is not None:
            pubsub, self._pubsub = self._pubsub, None
            await pubsub.aclose()

    async def __aiter__(self) -> AsyncIterator[JobEvent]:
        try:
            while not self._cursor.done and self._left() > 0:
                # First the subscription, then the log: what happens in between is in both, never in neither.
                with translated(), suppress(*UNREACHABLE):
                    await self._subscribe()
                logged, ended = await self._read(self._cursor.seq)
                for event in self._cursor.take(logged):
                    yield event
                if ended:
                    return
                async with aclosing(self._live()) as live:
                    async for event in live:
                        yield event
        finally:
            await self.close()

    async def _live(self) -> AsyncGenerator[JobEvent]:
        """Hand on what the channel brings, until the log must be read: after silence, a gap or a lost connection."""
        while not self._cursor.done:
            wait_s = min(LOG_EVERY_S, self._left())
            if wait_s <= 0:
                return
            try:
                message = await self._pubsub.get_message(timeout=wait_s) if self._pubsub else None
            except UNREACHABLE:
                await self.close()
                return
            if message is None:
                return
            event = read_event(message["data"])
            if self._cursor.follows(event):
                for taken in self._cursor.take([event]):
                    yield taken
            elif not self._cursor.seen(event):
                return

    async def _subscribe(self) -> None:
        if self._pubsub is None:
            pubsub = self._redis.pubsub(ignore_subscribe_messages=True)
            await pubsub.subscribe(self._channel)
            # The first answer of the server is the confirmation: only from here on nothing is missed.
            await pubsub.get_message(ignore_subscribe_messages=False, timeout=self._timeout_s)
            self._pubsub = pubsub

    def _left(self) -> float:
        return float("inf") if self._deadline is None else self._deadline - time.monotonic()

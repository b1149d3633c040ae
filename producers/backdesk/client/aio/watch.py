"""Following a job: first the log, then the channel, so that who joins late misses nothing and sees nothing twice."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Self

from backdesk.client.aio.following import AsyncFollowing
from backdesk.client.operations.cursor import Cursor
from backdesk.worker.model.events import JobEvent
from backdesk.worker.store.records import read_message

#: Reads the log beyond an event number; says too whether the job has ended.
Read = Callable[[int], Awaitable[tuple[list[JobEvent], bool]]]


class AsyncWatch:
    """The events of one job, in order, each once. Iterate once, with `async for`.

    It survives lost connections, and a Redis that is away for no longer than BACKDESK_OUTAGE_PATIENCE_S.
    """

    def __init__(self, following: AsyncFollowing, read: Read, after: int) -> None:
        self._following = following
        self._read = read
        self._cursor = Cursor(after)

    async def __aenter__(self) -> Self:
        await self._following.subscribe()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the subscription. Idempotent."""
        self._following.close()

    async def __aiter__(self) -> AsyncIterator[JobEvent]:
        try:
            while not self._cursor.done and self._following.left() > 0:
                # First the subscription, then the log: what happens in between is in both, never in neither.
                await self._following.follow()
                logged, ended = await self._following.look(partial(self._read, self._cursor.seq))
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
        while not self._cursor.done and (message := await self._following.heard()) is not None:
            event = read_message(message)
            if event is None:
                return
            if self._cursor.follows(event):
                for taken in self._cursor.take([event]):
                    yield taken
            elif not self._cursor.seen(event):
                return

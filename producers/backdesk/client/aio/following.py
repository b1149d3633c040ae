"""Waiting for something to change that is kept in Redis: a channel says when to look it up."""

from __future__ import annotations

import time
from asyncio import sleep
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Self, TypeVar

from backdesk.client.aio.connection import AsyncConnection
from backdesk.client.channels.aio import AsyncFollower
from backdesk.client.operations.cursor import LOG_EVERY_S
from backdesk.client.operations.deployment import challenge
from backdesk.client.operations.patience import Patience
from backdesk.worker.errors import StoreUnavailable
from backdesk.worker.store.connection import UNREACHABLE, translated

T = TypeVar("T")


class AsyncFollowing:
    """One caller who follows a channel, until `deadline` (of `time.monotonic()`) or for as long as it likes.

    After `silence_s` seconds in which nothing was heard it is time to look.
    """

    def __init__(
        self, connection: AsyncConnection, channel: str, deadline: float | None, silence_s: float = LOG_EVERY_S
    ) -> None:
        self._silence_s = silence_s
        self._connection = connection
        self._channel = channel
        self._deadline = deadline
        self._follower: AsyncFollower | None = None
        self._silent = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def subscribe(self) -> None:
        """Have the subscription stand: from then on nothing is missed unnoticed. Raises StoreUnavailable.

        Nothing is followed then, nor when this is cancelled.
        """
        try:
            with translated():
                await self._subscribe()
        except BaseException:
            self.close()
            raise

    async def follow(self) -> None:
        """Have the subscription stand, or come to stand when Redis is back. Raises StoreUnavailable if it never can."""
        with translated(), suppress(*UNREACHABLE):
            await self._subscribe()

    async def _subscribe(self) -> None:
        if self._follower is None:
            self._follower = self._connection.channels.follow(self._channel)
            await self._follower.standing(self._connection.timeout_s)
            self._connection.reached = True

    async def look(self, read: Callable[[], Awaitable[T]]) -> T:
        """Return what `read` returns. An outage of Redis is waited out, if this client has ever reached it.

        After silence that may be because this is no longer the primary, which would go on answering who only reads.
        """
        if self._silent:
            self._silent = False
            with suppress(StoreUnavailable):  # what is read next is answered by a new connection, or fails as well
                await self._connection.do(challenge(self._connection.deployment.settings))
        settings = self._connection.deployment.settings
        patience = Patience(settings.outage_patience_s, self._deadline)
        while True:
            if self._follower is not None:
                self._follower.clear()  # what was heard so far is part of what is read now
            try:
                return await read()
            except StoreUnavailable as error:
                if not self._connection.reached:
                    raise
                pause_s = patience.pause_after(error)
            await sleep(pause_s)

    async def heard(self) -> bytes | None:
        """Return the next message of the channel, None when it is time to look. Raises StoreUnavailable."""
        if self._follower is None or (wait_s := min(self._silence_s, self.left())) <= 0:
            return None
        with translated():
            message = await self._follower.next(wait_s)
        self._silent = message is None
        return message

    def left(self) -> float:
        """Return the seconds until the deadline."""
        return float("inf") if self._deadline is None else self._deadline - time.monotonic()

    def close(self) -> None:
        """Follow no more. Idempotent."""
        if self._follower is not None:
            self._follower.close()

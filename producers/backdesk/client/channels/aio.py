"""How followers on an event loop wait for what the hub hears."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from weakref import WeakKeyDictionary

from redis.exceptions import TimeoutError as RedisTimeoutError

from backdesk.client.channels.hub import Hub
from backdesk.client.channels.inbox import Inbox
from backdesk.worker.store.connection import connect_async


class AsyncFollower:
    """Somebody who follows a channel; see `AsyncChannels`. Nothing is held up by one who does not listen."""

    def __init__(self, hub: Hub, channel: bytes) -> None:
        self._hub = hub
        self._channel = channel
        self._inbox = Inbox()
        self._stirred = asyncio.Event()
        hub.add(channel, self)

    async def standing(self, timeout_s: float) -> None:
        """Wait until the subscription stands. Raises what keeps it from that, and redis-py's TimeoutError."""
        await self._until(lambda: self._inbox.settled, timeout_s)
        if not self._inbox.settled:
            raise RedisTimeoutError(f"no subscription within {timeout_s:g} s")
        self._inbox.check()

    async def next(self, timeout_s: float) -> bytes | None:
        """Return the next message; None after that much silence, or when something was missed: then look it up."""
        await self._until(lambda: self._inbox.ready, timeout_s)
        return self._inbox.take()

    def clear(self) -> None:
        """Forget what was heard so far: all of it is about to be looked up."""
        self._inbox.clear()

    def close(self) -> None:
        """Follow no more. Idempotent."""
        self._hub.remove(self._channel, self)

    def hear(self, message: bytes) -> None:
        self._inbox.hear(message)
        self._stirred.set()

    def stand(self) -> None:
        self._inbox.stand()
        self._stirred.set()

    def fail(self, error: Exception) -> None:
        self._inbox.fail(error)
        self._stirred.set()

    async def _until(self, true: Callable[[], bool], timeout_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not true():
                    self._stirred.clear()
                    await self._stirred.wait()


class AsyncChannels:
    """The channels of one Redis, for any number of followers by one connection; each event loop has its own."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()

    def follow(self, channel: str) -> AsyncFollower:
        """Follow a channel; close what is returned. Waits for nothing."""
        loop = asyncio.get_running_loop()
        if loop not in self._hubs:
            self._hubs[loop] = Hub(connect_async(self._url, self._timeout_s))
        return AsyncFollower(self._hubs[loop], channel.encode())

    async def close(self) -> None:
        """End the subscription of this event loop; who follows is told by StoreUnavailable. Idempotent."""
        hub = self._hubs.pop(asyncio.get_running_loop(), None)
        if hub is not None:
            await hub.close()

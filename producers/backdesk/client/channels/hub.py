"""The one subscription of a client, however many follow something through it.

It is there while anybody follows. A connection that is lost, or silent for long, is replaced; whoever follows is then
told to look up what was published meanwhile, so that nobody depends on any single message.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Protocol, cast

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from backdesk.worker.errors import StoreUnavailable

#: A silent connection is asked for a sign of life this often, and replaced when there is none for so long. Seconds.
PING_EVERY_S = 5.0
SILENT_S = 12.0
#: Pauses before the connection is made anew, each twice the one before. Seconds.
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0


class Listener(Protocol):
    """Who follows a channel, as the hub sees it. Called on the hub's event loop; may not wait."""

    def hear(self, message: bytes) -> None:
        """Take a message of the channel."""

    def stand(self) -> None:
        """Learn that the subscription stands, for the first time or again."""

    def fail(self, error: Exception) -> None:
        """Learn why it does not stand. The hub tries again as long as anybody follows."""


class Subscription(PubSub):
    """A subscription that is connected once; what loses its connection raises ConnectionError.

    Two tasks share it. redis-py has each connect anew what it finds broken, and the two would do so on top of each
    other: one of the connections would be nobody's, and never be closed.
    """

    async def connect(self) -> None:
        """Connect for the first time; later only see whether it is connected still."""
        if self._connection is None:
            await super().connect()  # type: ignore[no-untyped-call]  # redis-py leaves it bare
        self._check()

    async def parse_response(self, *args: Any, **options: Any) -> Any:
        """Read what comes next, as redis-py does."""
        self._check()
        return await super().parse_response(*args, **options)

    @property
    def _connection(self) -> AbstractConnection | None:
        return cast("AbstractConnection | None", vars(self)["connection"])  # to mypy redis-py's is None for ever

    def _check(self) -> None:
        if self._connection is None or not self._connection.is_connected:
            raise RedisConnectionError("the connection of the subscription is lost")


class Hub:
    """Followers by channel, and the task that keeps their subscription. Belongs to one event loop.

    The methods that are no coroutines take effect at once and are safe to be called while a task is being cancelled.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        # The hub alone makes the connection: by no error is anything retried beneath it.
        redis.set_retry(Retry(NoBackoff(), 0, supported_errors=()))
        self._listeners: dict[bytes, set[Listener]] = {}
        self._asked: set[bytes] = set()
        self._standing: set[bytes] = set()
        self._changed: set[bytes] = set()
        self._stirred = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def add(self, channel: bytes, listener: Listener) -> None:
        """Let somebody follow a channel; it is told once the subscription stands."""
        self._listeners.setdefault(channel, set()).add(listener)
        if channel in self._standing:
            listener.stand()
        self._touch(channel)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._keep())

    def remove(self, channel: bytes, listener: Listener) -> None:
        """End that; with its last follower the subscription of a channel ends. Idempotent."""
        followers = self._listeners.get(channel, set())
        followers.discard(listener)
        if not followers and self._listeners.pop(channel, None) is not None:
            self._touch(channel)

    async def close(self) -> None:
        """End the subscription, and tell whoever follows still. Idempotent."""
        self._tell(StoreUnavailable("this client was closed while somebody followed a job by it"))
        self._listeners.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._redis.aclose()

    def _touch(self, channel: bytes) -> None:
        self._changed.add(channel)
        self._stirred.set()

    def _tell(self, error: Exception) -> None:
        for followers in self._listeners.values():
            for listener in followers:
                listener.fail(error)

    async def _keep(self) -> None:
        """Have a subscription as long as anybody follows."""
        failures = 0
        try:
            while self._listeners:
                try:
                    await self._serve()
                except (RedisError, OSError) as error:
                    failures = 0 if self._standing else failures + 1
                    self._standing.clear()
                    self._tell(error)
                    await asyncio.sleep(min(FIRST_PAUSE_S * 2 ** min(failures, 10), LONGEST_PAUSE_S))
        finally:
            self._task = None

    async def _serve(self) -> None:
        """Keep one connection, until it fails or nobody follows any more."""
        self._asked, self._standing, self._changed = set(), set(), set(self._listeners)
        async with Subscription(self._redis.connection_pool) as pubsub:
            await self._adjust(pubsub)  # before anything is read: without a channel there is nothing to read from
            halves = [asyncio.ensure_future(half(pubsub)) for half in (self._steer, self._read)]
            try:
                ended, _ = await asyncio.wait(halves, return_when=asyncio.FIRST_COMPLETED)
                for half in ended:
                    half.result()
            finally:
                for half in halves:
                    half.cancel()
                await asyncio.gather(*halves, return_exceptions=True)

    async def _steer(self, pubsub: PubSub) -> None:
        """Subscribe to what is followed and to nothing else, until that is nothing. Only this sends."""
        while self._listeners:
            await self._stirred.wait()
            await self._adjust(pubsub)

    async def _adjust(self, pubsub: PubSub) -> None:
        self._stirred.clear()
        changed, self._changed = self._changed, set()
        new = [each for each in changed if each in self._listeners and each not in self._asked]
        old = [each for each in changed if each not in self._listeners and each in self._asked]
        if new:
            self._asked.update(new)
            await pubsub.subscribe(*new)
        # With none left the connection is closed instead.
        if old and self._listeners:
            self._asked.difference_update(old)
            self._standing.difference_update(old)
            await pubsub.unsubscribe(*old)

    async def _read(self, pubsub: PubSub) -> None:
        heard_at = time.monotonic()
        while True:
            message = await pubsub.get_message(timeout=PING_EVERY_S)
            if message is not None:
                heard_at = time.monotonic()
                self._hand_on(message)
            elif time.monotonic() - heard_at > SILENT_S:
                raise RedisTimeoutError("the connection of the subscription is silent")
            else:
                await pubsub.ping()

    def _hand_on(self, message: dict[str, Any]) -> None:
        channel = message["channel"]
        if message["type"] == "message":
            for listener in self._listeners.get(channel, ()):
                listener.hear(message["data"])
        elif message["type"] == "subscribe":
            if channel in self._asked:
                self._standing.add(channel)
            for listener in self._listeners.get(channel, ()):
                listener.stand()

"""Connections that follow the primary: those to a server that is one no longer are left, and made anew.

Behind a proxy, a virtual address or a DNS name a failover closes nothing. The demoted primary goes on answering, and
refuses every write; what only reads would never notice. So one refusal is enough for all connections of the process
that are older than it, whatever pool holds them: each is closed at its next use, and the address leads the next one
where the primary is now. One out of a pool is simply made anew. One that its user holds on to raises ConnectionError,
as when the server had closed it: a subscription has to be made again, and what was missed has to be read.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import redis.asyncio.connection as aio
import redis.asyncio.sentinel as aio_by_sentinel
import redis.connection as blocking
import redis.sentinel as by_sentinel
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from backdesk.worker.store.refusal import NOT_PRIMARY, refusal

#: A connection younger than this is kept: as long as no server is the primary, connecting more often helps nobody.
SHORTEST_LIFE_S = 0.5
Sentinels = Sequence[tuple[str, int]]
LEFT = "left a server that has said, or may by now say, that it is not the primary"


class _Refusals:
    """When a server last said that it is not the primary, by `time.monotonic()`; of this process."""

    last_at = -math.inf

    def note(self, error: RedisError) -> None:
        # What redis-py's connections by Sentinel make of a refusal is another error, in its context.
        if NOT_PRIMARY & {refusal(error), refusal(error.__context__ or error)}:
            self.last_at = time.monotonic()

    def overtook(self, since: float) -> bool:
        """Whether a connection made at `since` may be to a server that is the primary no longer."""
        return since <= self.last_at and time.monotonic() >= since + SHORTEST_LIFE_S


_refusals = _Refusals()


class Following(blocking.AbstractConnection):
    """What every blocking connection of ours does besides what its transport does."""

    #: When it was made. Infinite while there is none, and while the server is being greeted.
    _since = math.inf

    def connect_check_health(self, *args: Any, **options: Any) -> None:
        if self._get_socket() is not None:
            return
        began, self._since = time.monotonic(), math.inf
        super().connect_check_health(*args, **options)
        self._since = began

    def connect(self) -> None:
        self._leave_if_overtaken()
        super().connect()  # type: ignore[no-untyped-call]  # redis-py leaves it bare

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        if self._leave_if_overtaken():
            raise RedisConnectionError(LEFT)
        super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]  # redis-py leaves it bare

    def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return super().read_response(*args, **options)
        except RedisError as error:
            _refusals.note(error)
            raise

    def _leave_if_overtaken(self) -> bool:
        leaves = self._get_socket() is not None and _refusals.overtook(self._since)
        if leaves:
            self.disconnect()  # type: ignore[no-untyped-call]  # redis-py leaves it bare
        return leaves


def descriptor_of(connection: blocking.AbstractConnection) -> int:
    """Return the descriptor of a connection's socket, -1 while there is none."""
    socket = connection._get_socket()  # noqa: SLF001 - what its own subclasses and pools go by
    return -1 if socket is None else socket.fileno()


def greet_as_worker(connection: blocking.AbstractConnection) -> None:
    """Begin a connection that the server should keep before those of others."""
    connection.on_connect()
    connection.send_command("CLIENT", "NO-EVICT", "on")
    with suppress(ResponseError):  # not known before 7.0, and for administrators only
        connection.read_response()


class AsyncFollowing(aio.AbstractConnection):
    """The same of every connection that belongs to an event loop."""

    _since = math.inf

    async def connect_check_health(self, *args: Any, **options: Any) -> None:
        if self.is_connected:
            return
        began, self._since = time.monotonic(), math.inf
        await super().connect_check_health(*args, **options)
        self._since = began

    async def connect(self) -> None:
        await self._leave_if_overtaken()
        await super().connect()  # type: ignore[no-untyped-call]  # redis-py leaves it bare

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        if await self._leave_if_overtaken():
            raise RedisConnectionError(LEFT)
        try:
            with _cancellable():
                await super().send_packed_command(command, check_health)
        except asyncio.CancelledError:
            # What was sent will be answered, and whoever has the connection next would take that for theirs.
            await self.disconnect(nowait=True)
            raise

    async def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return await super().read_response(*args, **options)
        except RedisError as error:
            _refusals.note(error)
            raise

    async def _leave_if_overtaken(self) -> bool:
        leaves = bool(self.is_connected) and _refusals.overtook(self._since)
        if leaves:
            await self.disconnect(nowait=True)
        return leaves


@contextmanager
def _cancellable() -> Iterator[None]:
    """Have a cancellation take effect that redis-py loses.

    It sends by `asyncio.wait_for`, which before Python 3.12 forgets one that comes just when all is sent.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        yield
    finally:
        if task and task.cancelling() > before:
            raise asyncio.CancelledError


class Connection(Following, blocking.Connection):
    """By TCP."""


class SSLConnection(Following, blocking.SSLConnection):
    """By TLS."""


class UnixConnection(Following, blocking.UnixDomainSocketConnection):
    """By a Unix socket."""


class SentinelConnection(Following, blocking.Connection):
    """By TCP, to the server that the Sentinels call the primary when it connects."""

    def __init__(
        self, *, sentinels: Sentinels, service: str, sentinel_options: Mapping[str, Any], **options: Any
    ) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]  # redis-py leaves it bare
        self._sentinels, self._service, self._of_sentinels = sentinels, service, sentinel_options

    def _connect(self) -> Any:
        with by_sentinel.Sentinel(self._sentinels, sentinel_kwargs=self._of_sentinels) as asked:
            try:
                self.host, self.port = asked.discover_master(self._service)
            except by_sentinel.MasterNotFoundError:
                raise RedisConnectionError(_not_found(self._sentinels, self._service)) from None
        return super()._connect()  # type: ignore[no-untyped-call]  # redis-py leaves it bare


class SentinelSSLConnection(SentinelConnection, blocking.SSLConnection):
    """The same by TLS."""


class AsyncConnection(AsyncFollowing, aio.Connection):
    """By TCP, on an event loop."""


class AsyncSSLConnection(AsyncFollowing, aio.SSLConnection):
    """By TLS, on an event loop."""

    async def disconnect(self, nowait: bool = False, *args: Any, **options: Any) -> None:
        """Close it. With `nowait` at once: TLS would wait for a goodbye, on a loop that may be at its end."""
        writer = self._writer
        await super().disconnect(nowait, *args, **options)
        if nowait and writer is not None:
            writer.transport.abort()


class AsyncUnixConnection(AsyncFollowing, aio.UnixDomainSocketConnection):
    """By a Unix socket, on an event loop."""


class AsyncSentinelConnection(AsyncFollowing, aio.Connection):
    """By TCP, on an event loop, to the server that the Sentinels call the primary when it connects."""

    def __init__(
        self, *, sentinels: Sentinels, service: str, sentinel_options: Mapping[str, Any], **options: Any
    ) -> None:
        super().__init__(**options)
        self._sentinels, self._service, self._of_sentinels = sentinels, service, sentinel_options

    async def _connect(self) -> None:
        async with aio_by_sentinel.Sentinel(self._sentinels, sentinel_kwargs=self._of_sentinels) as asked:
            try:
                self.host, self.port = await asked.discover_master(self._service)
            except aio_by_sentinel.MasterNotFoundError:
                raise RedisConnectionError(_not_found(self._sentinels, self._service)) from None
        await super()._connect()  # type: ignore[no-untyped-call]  # redis-py leaves it bare


class AsyncSentinelSSLConnection(AsyncSentinelConnection, aio.SSLConnection):
    """The same by TLS."""


def _not_found(sentinels: Sentinels, service: str) -> str:
    asked = ", ".join(f"{host}:{port}" for host, port in sentinels)
    return f"no Sentinel knows a primary called {service!r} that is up; asked were {asked}"

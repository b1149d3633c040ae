"""The network of a client of HTTP, by asyncio alone.

The backend that the client's library has for asyncio goes through another library, which opens a scope for each piece
that is read or written, and looks up both ends of a connection to see whether it is still there: that is a twentieth of
the CPU of an agent's run. Proxies and connections by other means than TCP are left to that backend.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

import httpcore2
import httpx2

#: So much may be held of what a server sends and nobody reads yet, and of what is to be sent. Bytes.
_MOST_HELD = 256 * 1024
#: After how long another address of the same host is tried beside the first. Seconds.
_NEXT_ADDRESS_S = 0.25
#: What the client calls the ends of a connection, and asyncio does.
_ENDS = {"client_addr": "sockname", "server_addr": "peername"}


class DirectTransport(httpx2.AsyncHTTPTransport):
    """Makes requests over connections of this module, or of another network; bound to the loop it began in."""

    def __init__(
        self, verify: ssl.SSLContext, limits: httpx2.Limits, network: httpcore2.AsyncNetworkBackend | None = None
    ) -> None:
        super().__init__(verify)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=verify,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=network or AsyncioBackend(),
        )


@cache
def trusted() -> ssl.SSLContext:
    """Return the certificates that this machine trusts, once a process: each client would read them anew."""
    return httpx2.create_ssl_context()


class AsyncioBackend(httpcore2.AsyncNetworkBackend):
    """Connects by TCP."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of the library
        local_address: str | None = None,
        socket_options: Iterable[tuple[Any, ...]] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to a host. Raises ConnectError and ConnectTimeout."""
        local = (local_address, 0) if local_address else None
        with _told_as(httpcore2.ConnectError, httpcore2.ConnectTimeout):
            async with asyncio.timeout(timeout):
                _, line = await asyncio.get_running_loop().create_connection(
                    _Line, host, port, local_addr=local, happy_eyeballs_delay=_NEXT_ADDRESS_S
                )
        for option in socket_options or ():
            line.transport.get_extra_info("socket").setsockopt(*option)
        return _Stream(line)

    async def sleep(self, seconds: float) -> None:
        """Wait between two attempts to connect."""
        await asyncio.sleep(seconds)


class _Stream(httpcore2.AsyncNetworkStream):
    """One connection; what is written to it goes out with the next read, the head and the body of a request as one."""

    def __init__(self, line: _Line) -> None:
        self._line = line
        self._unsent = bytearray()

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of the library
    ) -> bytes:
        """Return what has come, b"" at its end. Raises ReadError and ReadTimeout."""
        self._send()
        with _told_as(httpcore2.ReadError, httpcore2.ReadTimeout):
            if not self._line.readable:
                async with asyncio.timeout(timeout):
                    await self._line.heard()
            return self._line.take(max_bytes)

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of the library
    ) -> None:
        """Send, now or with the next read. Raises WriteTimeout; that the other side has gone is told to who reads."""
        self._unsent += buffer
        if len(self._unsent) >= _MOST_HELD:
            self._send()
            with _told_as(httpcore2.WriteError, httpcore2.WriteTimeout):
                async with asyncio.timeout(timeout):
                    await self._line.taken()

    def _send(self) -> None:
        if self._unsent:
            # Not cleared: the transport holds on to what it cannot send at once.
            self._line.transport.write(self._unsent)
            self._unsent = bytearray()

    async def aclose(self) -> None:
        """Hang up, without waiting for the other side to say goodbye."""
        self._line.transport.abort()
        await asyncio.sleep(0)  # the socket is closed in the next turn of the loop, of which there may be none

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of the library
    ) -> httpcore2.AsyncNetworkStream:
        """Go on by TLS. Raises ConnectError and ConnectTimeout."""
        self._send()
        line = self._line
        with _told_as(httpcore2.ConnectError, httpcore2.ConnectTimeout):
            try:
                async with asyncio.timeout(timeout):
                    secured = await asyncio.get_running_loop().start_tls(
                        line.transport, line, ssl_context, server_hostname=server_hostname
                    )
            except BaseException:
                await self.aclose()
                raise
        if secured is None:
            raise httpcore2.ConnectError("the server closed the connection before it was secured")
        line.transport = secured
        return self

    def get_extra_info(self, info: str) -> Any:
        """Return what is known of the connection; one that `is_readable` while it idles is of no use any more."""
        if info == "is_readable":
            return self._line.readable
        return self._line.transport.get_extra_info(_ENDS.get(info, info))


class _Line(asyncio.Protocol):
    """What has come over a connection and nobody has read yet."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._received = bytearray()
        self._ended = False
        self._error: Exception | None = None
        self._held = False
        self._reader: asyncio.Future[None] | None = None
        #: While the other side does not take what is sent.
        self._writer: asyncio.Future[None] | None = None

    @property
    def readable(self) -> bool:
        """Whether there is something to take, the end included."""
        return bool(self._received) or self._ended

    async def heard(self) -> None:
        """Wait until there is something to take."""
        self._reader = asyncio.get_running_loop().create_future()
        await self._reader

    async def taken(self) -> None:
        """Wait until the other side has taken most of what was sent."""
        if self._writer is not None:
            await self._writer

    def take(self, most: int) -> bytes:
        """Return what has come, b"" at the end. Raises the error by which the connection ended."""
        if self._error is not None and not self._received:
            raise self._error
        taken = bytes(self._received[:most])
        del self._received[:most]
        if self._held and len(self._received) < _MOST_HELD:
            self._held = False
            self.transport.resume_reading()
        return taken

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) >= _MOST_HELD and not self._held:
            self._held = True
            self.transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> None:
        self._ended = True
        _wake(self._reader)

    def connection_lost(self, error: Exception | None) -> None:
        self._ended, self._error = True, error
        _wake(self._reader)
        _wake(self._writer)

    def pause_writing(self) -> None:
        self._writer = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        _wake(self._writer)
        self._writer = None


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)


@contextmanager
def _told_as(error: type[Exception], timeout: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as late:
        raise timeout(str(late)) from late
    except OSError as broken:
        raise error(str(broken)) from broken

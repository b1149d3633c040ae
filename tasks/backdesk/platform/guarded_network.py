"""Connections of an HTTP client to the very addresses that were checked: a name is looked up once for each of them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import httpcore2

from backdesk.platform.network import AsyncioBackend
from backdesk.platform.public_address import check_ip

#: Returns the addresses of a host.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
#: After how long another address of a host is tried. Seconds.
MOST_CONNECT_S = 5.0


async def resolve(host: str, port: int) -> Sequence[str]:
    """Look a host up, as this machine does. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to public addresses; with `private` also to those of private networks, but none of the machine's own."""

    def __init__(self, *, private: bool = False, resolve: Resolve = resolve) -> None:
        self._private = private
        self._resolve = resolve
        self._network = AsyncioBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of the library
        local_address: str | None = None,
        socket_options: Iterable[tuple[Any, ...]] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to a host. Raises PrivateAddress if any of its addresses is private; ConnectError, ConnectTimeout."""
        try:
            found = await self._resolve(host, port)
        except OSError as error:
            raise httpcore2.ConnectError(f"{host} cannot be found") from error
        for ip in found:
            check_ip(host, ip, private=self._private)
        broken: Exception = httpcore2.ConnectError(f"{host} has no address")
        for ip in found:
            try:
                return await self._network.connect_tcp(ip, port, timeout or MOST_CONNECT_S, None, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                broken = error
        raise broken

    async def connect_unix_socket(self, *_args: Any, **_options: Any) -> httpcore2.AsyncNetworkStream:
        """Refuse: nothing declared is at such an address."""
        raise httpcore2.ConnectError("there are no sockets of files to ask")

    async def sleep(self, seconds: float) -> None:
        """Wait between two attempts to connect."""
        await asyncio.sleep(seconds)

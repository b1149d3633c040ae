"""What one declaration allows: hosts, ports, addresses, types, size and time. And the connections that keep to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from fnmatch import fnmatchcase
from typing import Any

import httpcore2

from backdesk.platform.network import AsyncioBackend
from backdesk.platform.public_address import PrivateAddress, is_of_the_machine, is_public
from backdesk.tools.http.address import Address, RequestRefused

#: Returns the addresses of a host.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
#: After how long another address of a host is tried. Seconds.
MOST_CONNECT_S = 5.0


async def resolve(host: str, port: int) -> Sequence[str]:
    """Look a host up, as this machine does. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


@dataclass(frozen=True, slots=True)
class Guard:
    """What requests may reach, and what may come back.

    `hosts` are names, or patterns as `*.example.com`; `*` stands for all that are public. `plain` allows http beside
    https, `private` addresses of private networks, but none of the machine's own services. `types` are those of a body,
    `max_bytes` its size once unpacked, `timeout_s` all that a call may take.
    """

    hosts: tuple[str, ...]
    _: KW_ONLY
    ports: frozenset[int] = frozenset({443})
    plain: bool = False
    private: bool = False
    types: tuple[str, ...] = ("application/json", "application/*+json")
    max_bytes: int = 2_000_000
    timeout_s: float = 20.0
    redirects: int = 3
    resolve: Resolve = resolve

    def check(self, address: Address, before: Address | None = None) -> None:
        """Raise RequestRefused for an address that is not to be asked, or not after the one `before`."""
        if before is not None and (before.scheme, address.scheme) == ("https", "http"):
            raise RequestRefused(f"{before.host} redirects from https to http")
        if address.scheme == "http" and not self.plain:
            raise RequestRefused(f"{address.host} is to be asked by https alone")
        if not any(fnmatchcase(address.host, pattern) for pattern in self.hosts):
            raise RequestRefused(f"{address.host} is not among the hosts that this may ask")
        if address.port not in self.ports:
            raise RequestRefused(f"port {address.port} of {address.host} is not among those that this may ask")

    def takes(self, media_type: str) -> bool:
        """Whether a body of this type is read."""
        return any(fnmatchcase(media_type, pattern) for pattern in self.types)

    def check_ip(self, host: str, ip: str) -> None:
        """Raise PrivateAddress for what a name means that is not to be connected to."""
        if is_of_the_machine(ip) or not (self.private or is_public(ip)):
            raise PrivateAddress(host, ip)


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to the very addresses that were checked: a name is looked up once for each connection."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
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
            found = await self._guard.resolve(host, port)
        except OSError as error:
            raise httpcore2.ConnectError(f"{host} cannot be found") from error
        for ip in found:
            self._guard.check_ip(host, ip)
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

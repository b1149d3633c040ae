"""What one declaration allows: hosts, ports, addresses, types, size and time."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from fnmatch import fnmatchcase

from backdesk.platform.guarded_network import GuardedBackend, Resolve, resolve
from backdesk.platform.public_address import check_ip
from backdesk.tools.http.address import Address, RequestRefused


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
        check_ip(host, ip, private=self.private)

    def network(self) -> GuardedBackend:
        """Return what connects to the addresses that this allows, whatever name they have."""
        return GuardedBackend(private=self.private, resolve=self.resolve)

"""Which addresses are on the public Internet, for whoever connects to a host that somebody outside has named.

A name that means another machine a moment later, as an attacker's may, must not be looked up twice: connect to what
`look_up` returns.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

#: IPv6 of the public Internet; outside of it are addresses that stand for others, as do 6to4 and ISATAP within.
_GLOBAL_UNICAST, _SIX_TO_FOUR, _NAT64 = map(IPv6Network, ("2000::/3", "2002::/16", "64:ff9b::/96"))
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})
#: Reserved for protocols, which Python has for public in part; and Azure's own services, which are by their number.
_OF_NO_HOST = tuple(map(IPv4Network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")))


class PrivateAddress(Exception):
    """A host is within a private network; `address` is one that it has there."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__(host, address)
        self.host = host
        self.address = address

    def __str__(self) -> str:
        return f"{self.host} is in a private network ({self.address})"


def is_public(address: str) -> bool:
    """Whether a numeric address is of the public Internet: no private, local or reserved one, in whatever notation."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        if (mapped := ip.ipv4_mapped) is not None:
            ip = mapped
        elif ip in _NAT64:
            ip = IPv4Address(int(ip) & 0xFFFF_FFFF)
        else:
            stands_for_another = ip in _SIX_TO_FOUR or (int(ip) >> 32) & 0xFFFF_FFFF in _ISATAP
            return ip.is_global and ip in _GLOBAL_UNICAST and not stands_for_another
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not any(ip in each for each in _OF_NO_HOST)


def look_up(host: str, port: int, *, private: bool = False) -> str:
    """Return the address to connect to. Raises PrivateAddress if any of its addresses is private; OSError.

    With `private` all addresses are allowed. Blocks.
    """
    found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not private and (within := next((each for each in found if not is_public(each)), None)):
        raise PrivateAddress(host, within)
    return found[0]

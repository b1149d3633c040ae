"""Which addresses are on the public Internet, for whoever connects to a host that somebody outside has named.

A name that means another machine a moment later, as an attacker's may, must not be looked up twice: connect to what
`look_up` returns.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

#: IPv6 of the public Internet; outside of it are addresses that stand for others, as do 6to4 and ISATAP within.
_GLOBAL_UNICAST, _SIX_TO_FOUR, _NAT64 = map(IPv6Network, ("2000::/3", "2002::/16", "64:ff9b::/96"))
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})
#: Reserved for protocols, which Python has for public in part.
_OF_NO_HOST = tuple(map(IPv4Network, ("192.0.0.0/24", "192.88.99.0/24")))
#: Where clouds tell a machine its secrets, and link-local networks: nobody means these. Some are public by number.
_LINKS = ("169.254.0.0/16", "fe80::/10")
_CLOUDS = ("168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
_OF_THE_MACHINE = tuple(map(ip_network, (*_LINKS, *_CLOUDS)))


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
    ip = _meant(address)
    if isinstance(ip, IPv6Address):
        stands_for_another = ip in _SIX_TO_FOUR or (int(ip) >> 32) & 0xFFFF_FFFF in _ISATAP
        return ip.is_global and ip in _GLOBAL_UNICAST and not stands_for_another
    no_host = ip.is_multicast or ip.is_reserved or any(ip in each for each in _OF_NO_HOST)
    return ip.is_global and not no_host and not is_of_the_machine(address)


def is_of_the_machine(address: str) -> bool:
    """Whether a numeric address is of a service by which clouds and links tell a machine about itself."""
    ip = _meant(address)
    return any(ip in each for each in _OF_THE_MACHINE)


def _meant(address: str) -> IPv4Address | IPv6Address:
    """Return the address for which another stands that has an IPv4 one inside."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv4Address):
        return ip
    return ip.ipv4_mapped or (IPv4Address(int(ip) & 0xFFFF_FFFF) if ip in _NAT64 else ip)


def check_ip(host: str, ip: str, *, private: bool = False) -> None:
    """Raise PrivateAddress for what a name means that is not to be connected to.

    With `private` addresses of private networks are allowed, but none of the machine's own services.
    """
    if is_of_the_machine(ip) or not (private or is_public(ip)):
        raise PrivateAddress(host, ip)


def look_up(host: str, port: int, *, private: bool = False) -> str:
    """Return the address to connect to. Raises PrivateAddress if `check_ip` does for any of its addresses; OSError.

    Blocks.
    """
    found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for address in found:
        check_ip(host, address, private=private)
    return found[0]

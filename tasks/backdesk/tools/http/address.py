"""Addresses as they are asked for: read strictly, so that what is checked is what is connected to.

Every part is taken from one reading and sent as it was read; what two readers could take for two things is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote, urljoin

#: Longest address that is asked for. Characters.
MOST_CHARS = 8_000
PORTS = {"http": 80, "https": 443}
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?(#.*)?", re.IGNORECASE
)
_AUTHORITY = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[^\[\]:@%]+)(:(?P<port>[0-9]{1,5}))?", re.IGNORECASE)
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
#: What resolvers of some systems take for a part of an IPv4 address.
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
#: What ends a line or an address for some readers, and a backslash, which is a slash to others.
_NEVER = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ufeff]")
_SAFE = "%/:?#[]@!$&'()*+,;=-._~"


class RequestRefused(Exception):
    """A request is not made, or what answers it not read, now or later. The message is fit for a model."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a request goes. `host` is in lower case and ASCII, `target` what is asked for there, percent-encoded."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """What credentials belong to."""
        return (self.scheme, self.host, self.port)

    @property
    def authority(self) -> str:
        """The host as requests name it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    def redirected(self, location: str) -> Address:
        """Return where a redirect from here leads. Raises RequestRefused."""
        if _NEVER.search(location):
            raise RequestRefused(f"{self.host} redirects to what is no address")
        return read_address(urljoin(self.url, location))


def read_address(url: str) -> Address:
    """Read an address of http or https. Raises RequestRefused for what is none, or could be read in two ways."""
    if len(url) > MOST_CHARS:
        raise RequestRefused(f"the address has {len(url)} characters, the limit is {MOST_CHARS}")
    found = None if _NEVER.search(url) else _URL.fullmatch(url)
    authority = found and _AUTHORITY.fullmatch(found["authority"])
    if not found or not authority:
        raise RequestRefused("that is no address such as https://example.com/page")
    scheme = found["scheme"].lower()
    port = int(authority["port"] or PORTS[scheme])
    if not 0 < port < 65_536:
        raise RequestRefused(f"there is no port {port}")
    target = quoted_target((found["path"] or "/") + (found["query"] or ""))
    return Address(scheme, read_host(authority["host"]), port, target)


def read_host(host: str) -> str:
    """Return a host in the form in which it is compared, looked up and asked. Raises RequestRefused."""
    if host.startswith("["):
        return _ipv6(host[1:-1])
    name = host.lower() if host.isascii() else _in_ascii(host)
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _ipv4(name)
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise RequestRefused(f"{host[:100]!r} is no name of a host")
    return name


def quoted_target(target: str) -> str:
    """Return a path with its query in ASCII; what is encoded stays so. Raises RequestRefused for half a character."""
    try:
        return quote(target, safe=_SAFE)
    except UnicodeEncodeError:
        raise RequestRefused("the address has half a character in it") from None


def _ipv4(name: str) -> str:
    try:
        return str(IPv4Address(name))
    except AddressValueError:
        raise RequestRefused(f"{name[:100]!r} is a number in place of a host") from None


def _ipv6(name: str) -> str:
    try:
        return str(IPv6Address(name))
    except AddressValueError:
        raise RequestRefused(f"{name[:100]!r} is no address of a host") from None


def _in_ascii(host: str) -> str:
    # By the strict rules: what only looks like another character is refused, not mapped to it.
    import idna  # noqa: PLC0415 - few addresses need it

    try:
        return idna.encode(host).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        raise RequestRefused(f"{host[:100]!r} is no name of a host") from None

"""Where a request comes from, and by which name the gateway was asked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.requests import HTTPConnection

Network = IPv4Network | IPv6Network


def client_address(request: HTTPConnection, proxies: Sequence[str]) -> str:
    """Return the address that a request is from, "" if that is not known.

    What proxies have written is believed from the right, as far as they are known: anybody can write the rest.
    """
    address = request.client.host if request.client else ""
    if not proxies:
        return address
    hops = [hop.strip() for each in request.headers.getlist("x-forwarded-for") for hop in each.split(",")]
    while hops and _within(address, tuple(proxies)):
        address = hops.pop()
    return address if _is_address(address) else ""


def is_loopback(address: str) -> bool:
    """Return whether an address is that of this machine itself."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (mapped or found).is_loopback


def is_loopback_name(name: str) -> bool:
    """Return whether a name or address, as a Host has it, can only be this machine."""
    bare = name.removeprefix("[").removesuffix("]")
    return bare == "localhost" or bare.endswith(".localhost") or is_loopback(bare)


def name_of(host: str) -> str:
    """Return the name in a Host, without its port, in lower case."""
    host = host.lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].removesuffix(".")


def is_forwarded(request: HTTPConnection) -> bool:
    """Return whether a request came through a proxy: that its last hop is near says nothing then."""
    return any(
        name in {b"forwarded", b"x-real-ip", b"via"} or name.startswith(b"x-forwarded-")
        for name, _ in request.scope["headers"]
    )


def is_secure(request: HTTPConnection, public_url: str | None, proxies: Sequence[str]) -> bool:
    """Return whether the browser speaks HTTPS: with us, or with a proxy that is known."""
    if public_url is not None:
        return public_url.startswith("https:")
    address = request.client.host if request.client else ""
    forwarded = request.headers.get("x-forwarded-proto", "") if _within(address, tuple(proxies)) else ""
    return "https" in {request.url.scheme, forwarded}


def own_origin(request: HTTPConnection, public_url: str | None, proxies: Sequence[str]) -> str:
    """Return the origin under which a request found the gateway."""
    if public_url is not None:
        scheme, _, rest = public_url.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}".lower()
    scheme = "https" if is_secure(request, public_url, proxies) else "http"
    return f"{scheme}://{request.headers.get('host', '')}".lower()


def is_same_origin(request: HTTPConnection, own: str, others: Sequence[str] = ()) -> bool:
    """Return whether no page of another origin has made a request, but for those that are allowed.

    Browsers say where a request is from, and no page can say it for them; a program says nothing.
    """
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if site is not None:  # where a page sends no referrer, its origin is "null" beside this
        return site in {"same-origin", "none"} or origin in others
    return origin is None or origin.lower() == own or origin in others


@cache
def _networks(proxies: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(each, strict=False) for each in proxies)


def _within(address: str, proxies: tuple[str, ...]) -> bool:
    return _is_address(address) and any(ip_address(address) in network for network in _networks(proxies))


def _is_address(address: str) -> bool:
    try:
        ip_address(address)
    except ValueError:
        return False
    return True

"""Making out who calls."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from backdesk.gateway.access.caller import Caller, Scope
from backdesk.gateway.errors import Unauthenticated

LOOPBACK = frozenset({"127.0.0.1", "::1"})
#: A request with one of these came through a proxy: that it comes from this machine says nothing then.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


class Authentication:
    """Who is let in: while there are no keys, whoever asks from this machine."""

    async def caller_of(self, request: HTTPConnection) -> Caller:
        """Return who calls. Raises Unauthenticated."""
        address = request.client.host if request.client else ""
        if address in LOOPBACK and not any(name in request.headers for name in _FORWARDED):
            return Caller("local", Scope.ADMIN, address=address)
        raise Unauthenticated("bring a key, as `Authorization: Bearer KEY`")

"""By which names the gateway may be asked for."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from backdesk.gateway.access.addresses import is_loopback_name, name_of
from backdesk.gateway.problems import Problem
from backdesk.gateway.settings import GatewaySettings

#: Names that were asked for lately and may be: they are few.
_MOST_KNOWN = 1000


class Hosts:
    """An ASGI middleware that answers by no other name than its own.

    A page can have its own name lead to this machine, and would then be of the same origin as the gateway (DNS
    rebinding); the name in its requests stays that of the page. Where others reach the gateway, and it has not been
    told its names, it is asked for by any: nobody is let in there for where they are.
    """

    def __init__(self, app: ASGIApp, settings: GatewaySettings) -> None:
        self._app = app
        own = urlsplit(settings.public_url or "").hostname
        self._names = tuple(name.lower() for name in (*settings.hosts, *((own,) if own else ())))
        self._any = "*" in self._names or not (self._names or is_loopback_name(settings.host))
        self._known: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._any:
            host = Headers(scope=scope).get("host", "")
            if host not in self._known and not self._knows(host):
                answer = Problem(421, "misdirected_request", "this gateway is not asked for by this name")
                await answer.response(str(scope.get("state", {}).get("request_id", "")))(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _knows(self, host: str) -> bool:
        name = name_of(host)
        known = is_loopback_name(name) or any(_fits(name, each) for each in self._names)
        if known and len(self._known) < _MOST_KNOWN:
            self._known.add(host)
        return known


def _fits(name: str, known: str) -> bool:
    return name == known or (known.startswith("*.") and name.endswith(known[1:]))

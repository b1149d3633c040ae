"""Where MCP is served: streamable HTTP at `/mcp`, without sessions."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from backdesk.gateway.access.caller import Scope as Access
from backdesk.gateway.dialects.mcp.request import CALLER, GONE
from backdesk.gateway.dialects.mcp.server import make_server
from backdesk.gateway.service import Gateway, caller_of
from backdesk.gateway.settings import GatewaySettings

PATH = "/mcp"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncGenerator[None]:
    gateway: Gateway = app.state.gateway
    manager = StreamableHTTPSessionManager(
        make_server(gateway.exchange, gateway.settings.mcp_wait_s),
        stateless=True,
        security_settings=security(gateway.settings),
        max_request_body_size=gateway.settings.max_body_bytes,
    )
    async with manager.run():
        app.state.mcp = manager
        yield


def security(settings: GatewaySettings) -> TransportSecuritySettings:
    """Return by which names, and from the pages of which origins, it may be asked: else a page could reach it.

    A page whose name is made to lead to this machine (DNS rebinding) asks by that name, and says where it is from.
    """
    public = urlsplit(settings.public_url or "")
    hosts = [*settings.hosts, *((public.netloc,) if public.netloc else ())]
    origins = [*settings.cors, *((f"{public.scheme}://{public.netloc}",) if public.netloc else ())]
    return TransportSecuritySettings(
        allowed_hosts=[*_LOOPBACK, *hosts, *(f"{name}:*" for name in (*_LOOPBACK, *settings.hosts))],
        allowed_origins=[*origins, *(f"http://{name}{port}" for name in _LOOPBACK for port in ("", ":*"))],
    )


class _Endpoint:
    """An ASGI application: who calls is made out for every request, before anything of it is read."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.method != "POST":
            # Neither a stream of the server's own nor sessions to end: both eras let a server do without.
            await Response(status_code=405, headers={"Allow": "POST"})(scope, receive, send)
            return
        caller = await caller_of(request)
        caller.demand(Access.READ)
        state = scope.setdefault("state", {})
        state[CALLER] = caller

        async def noticing() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                state[GONE] = True
            return message

        await scope["app"].state.mcp.handle_request(scope, noticing, send)


router = APIRouter(lifespan=_running)
router.routes.append(Route(PATH, _Endpoint(), include_in_schema=False))

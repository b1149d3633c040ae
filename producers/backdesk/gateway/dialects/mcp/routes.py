"""Where MCP is served: streamable HTTP at `/mcp`, without sessions."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from backdesk.gateway.access.addresses import is_same_origin, own_origin
from backdesk.gateway.access.caller import Scope as Access
from backdesk.gateway.dialects.mcp.request import CALLER, GONE
from backdesk.gateway.dialects.mcp.server import make_server
from backdesk.gateway.errors import Forbidden
from backdesk.gateway.service import Gateway, gateway_of

PATH = "/mcp"


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncGenerator[None]:
    gateway: Gateway = app.state.gateway
    manager = StreamableHTTPSessionManager(
        make_server(gateway.exchange, gateway.settings.mcp_wait_s),
        stateless=True,
        max_request_body_size=gateway.settings.max_body_bytes,
    )
    async with manager.run():
        app.state.mcp = manager
        yield


def _check_origin(request: Request) -> None:
    """Raise Forbidden for pages of other origins than the gateway's own and those that are listed, key or not.

    A page whose name was made to lead to this machine asks by that name, by which the gateway is not asked for.
    """
    settings = gateway_of(request).settings
    own = own_origin(request, settings.public_url, settings.proxies)
    if not is_same_origin(request, own, settings.cors):
        raise Forbidden("", reason="pages of this origin may not call: BACKDESK_GATEWAY_CORS lists those that may")


class _Endpoint:
    """An ASGI application: who calls is made out for every request, before anything of it is read."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.method != "POST":
            # Neither a stream of the server's own nor sessions to end: both eras let a server do without.
            await Response(status_code=405, headers={"Allow": "POST"})(scope, receive, send)
            return
        _check_origin(request)
        caller = await gateway_of(request).authentication.caller_of(request)
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

"""Where A2A is served: JSON-RPC at `/a2a`, REST below `/a2a/rest`, both for clients of 1.0 and of 0.3, and cards."""

from __future__ import annotations

import hashlib

from a2a.server.context import ServerCallContext
from a2a.server.request_handlers.response_helpers import agent_card_to_dict
from a2a.server.routes import create_jsonrpc_routes, create_rest_routes
from a2a.server.routes.common import DefaultServerCallContextBuilder
from fastapi import APIRouter, Request, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backdesk.gateway.access.caller import Scope as Access
from backdesk.gateway.dialects.a2a.card import JSON_RPC, REST, card_of
from backdesk.gateway.dialects.a2a.handler import BASE_URL, CALLER, GATEWAY, SCOPE, Agent
from backdesk.gateway.errors import Unauthenticated
from backdesk.gateway.service import Reader, Served, caller_of, gateway_of
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.text.json import encode

CARD = "/.well-known/agent-card.json"
#: A client may keep a card for so long; kinds come and go with their workers. Seconds.
FRESH_S = 60

router = APIRouter()


class _Contexts(DefaultServerCallContextBuilder):
    def build(self, request: Request) -> ServerCallContext:
        context = super().build(request)
        context.state[GATEWAY] = gateway_of(request)
        context.state[CALLER] = request.scope["state"][CALLER]
        context.state[BASE_URL] = base_url(request)
        context.state[SCOPE] = request.scope
        return context


class _Authenticated:
    """An ASGI application for those alone who are known: who calls is made out for every request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        caller = await gateway_of(request).authentication.caller_of(request)
        caller.demand(Access.READ)
        scope.setdefault("state", {})[CALLER] = caller
        await self._app(scope, _replayed(await _text_of(request), receive), send)


async def _text_of(request: Request) -> bytes:
    """Return the body of a request. Raises InvalidRequest for what the library would take for an error of its own."""
    body = await request.body()
    try:
        body.decode()
    except UnicodeDecodeError:
        raise InvalidRequest("body", "must be text in UTF-8") from None
    return body


def _replayed(body: bytes, receive: Receive) -> Receive:
    unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return unread.pop() if unread else await receive()

    return replayed


def base_url(request: Request) -> str:
    """Return where clients reach the gateway."""
    return gateway_of(request).settings.public_url or str(request.base_url)


@router.get(CARD, include_in_schema=False)
async def card(request: Request, gateway: Served) -> Response:
    """Serve what the agent says of itself: its skills only to those who bring a key."""
    try:
        caller = await caller_of(request)
    except Unauthenticated:
        return _served(request, card_of(base_url(request), ()), "public")
    return _served(request, card_of(base_url(request), await gateway.exchange.kinds(caller)), "private")


@router.get(JSON_RPC + "/{kind}" + CARD, include_in_schema=False)
async def card_of_kind(kind: str, request: Request, gateway: Served, caller: Reader) -> Response:
    """Serve the card of one kind as an agent of its own, for clients that know no skills."""
    contract = await gateway.exchange.kind(caller, kind)
    return _served(request, card_of(base_url(request), [contract], kind=kind), "private")


def _served(request: Request, card: object, kept_by: str) -> Response:
    body = encode(agent_card_to_dict(card))  # type: ignore[arg-type]  # a card
    headers = {
        "ETag": f'W/"{hashlib.sha256(body).hexdigest()[:32]}"',
        "Cache-Control": f"{kept_by}, max-age={FRESH_S}",
        "Vary": "Authorization",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _guarded(routes: list[BaseRoute]) -> list[BaseRoute]:
    return [
        Route(each.path, _Authenticated(each.app), methods=list(each.methods or ()), include_in_schema=False)
        for each in routes
        if isinstance(each, Route)
    ]


def _rest_routes(prefix: str) -> list[BaseRoute]:
    # The library's own route for tenants would be at the root, and take what is anybody else's.
    return _guarded(create_rest_routes(_AGENT, _Contexts(), enable_v0_3_compat=True, path_prefix=prefix))


_AGENT = Agent()
router.routes += [
    *_guarded([*create_jsonrpc_routes(_AGENT, JSON_RPC, _Contexts(), enable_v0_3_compat=True)]),
    *_rest_routes(REST),
    Mount(f"{REST}/{{tenant}}", routes=_rest_routes("")),
]

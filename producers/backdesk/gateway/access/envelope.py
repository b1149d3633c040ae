"""What every request and answer is wrapped in: an id, bounds, and headers that browsers heed."""

from __future__ import annotations

import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backdesk.gateway.problems import Problem
from backdesk.gateway.settings import GatewaySettings

_SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
#: A longer id of a client's own making is not taken over.
_LONGEST_ID = 128


class Envelope:
    """An ASGI middleware. A body that is larger than allowed is refused, as soon as that is known."""

    def __init__(self, app: ASGIApp, settings: GatewaySettings) -> None:
        self._app = app
        self._max_body = settings.max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        scope.setdefault("state", {})["request_id"] = request_id

        async def wrapped(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = MutableHeaders(scope=message)
                for name, value in _SECURITY.items():
                    told.setdefault(name, value)
                told["x-request-id"] = request_id
            await send(message)

        if _declared(headers) > self._max_body:
            await self._refuse(request_id)(scope, receive, wrapped)
            return
        await self._app(scope, self._bounded(receive), wrapped)

    def _bounded(self, receive: Receive) -> Receive:
        received = 0

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_body:
                return {"type": "http.disconnect"}
            return message

        return bounded

    def _refuse(self, request_id: str) -> ASGIApp:
        reason = f"the body is over {self._max_body} bytes"
        return Problem(413, "payload_too_large", reason).response(request_id)


def _declared(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isdecimal() else 0


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if given.isascii() and given.isprintable() and 0 < len(given) <= _LONGEST_ID else uuid.uuid4().hex

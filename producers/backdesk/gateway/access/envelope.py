"""What every request and answer is wrapped in: an id, bounds of its body, and headers that browsers heed."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backdesk.gateway.problems import Problem
from backdesk.gateway.settings import GatewaySettings

_SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
#: A longer id of a client's own making is not taken over.
_LONGEST_ID = 128
#: A body that comes slower than this, in bytes a second, is cut off once the first time is over.
_SLOWEST = 16 * 1024


class Envelope:
    """An ASGI middleware. A body that is too large or too slow is refused, as soon as that is known."""

    def __init__(self, app: ASGIApp, settings: GatewaySettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        scope.setdefault("state", {})["request_id"] = request_id
        answer = _Answer(send, request_id)
        body = _Body(receive, self._settings, answer.refuse)
        if _declared(headers) > self._settings.max_body_bytes:
            answer.refuse(_too_large(self._settings.max_body_bytes))
            await answer.tell()
            return
        try:
            await self._app(scope, body.receive, answer.send)
        finally:
            await answer.tell()


class _Answer:
    """An answer on its way: that of the application, or the refusal of its body if that came first."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self._refusal: Problem | None = None
        self._begun = False

    def refuse(self, problem: Problem) -> None:
        """Have this told in place of whatever the application answers."""
        self._refusal = problem

    async def send(self, message: Message) -> None:
        """Pass on what the application answers, unless its body was refused before it began to."""
        if self._refusal is not None and not self._begun:
            return
        if message["type"] == "http.response.start":
            self._begun = True
            told = MutableHeaders(scope=message)
            for name, value in _SECURITY.items():
                told.setdefault(name, value)
            told["x-request-id"] = self._request_id
        await self._send(message)

    async def tell(self) -> None:
        """Tell the refusal, if there is one and nothing was told yet; the connection ends then."""
        refusal, self._refusal = self._refusal, None
        if refusal is None or self._begun:
            return
        response = refusal.response(self._request_id)
        response.headers["connection"] = "close"
        start = {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers}
        await self.send(start)
        await self._send({"type": "http.response.body", "body": response.body})


class _Body:
    """A body as it comes, within its bounds; whoever reads on beyond them sees a client that is gone."""

    def __init__(self, receive: Receive, settings: GatewaySettings, refuse: Callable[[Problem], None]) -> None:
        self._receive = receive
        self._most = settings.max_body_bytes
        self._within_s = settings.body_timeout_s
        self._refuse = refuse
        self._began = time.monotonic()
        self._bytes = 0
        self._ended = False

    async def receive(self) -> Message:
        """Return the next part of it."""
        if self._ended:
            return await self._receive()
        try:
            async with asyncio.timeout(max(self._left(), 0)):
                message = await self._receive()
        except TimeoutError:
            return self._cut(Problem(408, "request_timeout", "the body did not come in time"))
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._most:
            return self._cut(_too_large(self._most))
        self._ended = not message.get("more_body", False)
        return message

    def _left(self) -> float:
        return self._began + self._within_s + self._bytes / _SLOWEST - time.monotonic()

    def _cut(self, problem: Problem) -> Message:
        self._refuse(problem)
        self._ended = True
        return {"type": "http.disconnect"}


def _too_large(most: int) -> Problem:
    return Problem(413, "payload_too_large", f"the body is over {most} bytes")


def _declared(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isdecimal() else 0


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if given.isascii() and given.isprintable() and 0 < len(given) <= _LONGEST_ID else uuid.uuid4().hex

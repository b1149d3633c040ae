"""Measuring requests and streams, whatever serves them."""

from __future__ import annotations

import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backdesk.gateway.metrics.process import ProcessMetrics
from backdesk.gateway.streams.sse import ABORT

#: Anybody may ask by a method, or for a path, of their own making: these become no series.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER, NO_ROUTE = "OTHER", "none"
_EVENT_STREAM = b"text/event-stream"


class Measured:
    """An ASGI middleware that counts what goes through it."""

    def __init__(self, app: ASGIApp, metrics: ProcessMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(self._metrics, scope, send)
        scope["extensions"] = self._counting_aborts(scope.get("extensions") or {})
        self._metrics.requests_open.inc()
        try:
            await self._app(scope, receive, exchange.send)
        finally:
            self._metrics.requests_open.dec()
            exchange.end()

    def _counting_aborts(self, extensions: dict[str, Any]) -> dict[str, Any]:
        abort = extensions.get(ABORT, _leave)

        def counted() -> None:
            self._metrics.slow_clients.inc()
            abort()

        return {**extensions, ABORT: counted}


def _leave() -> None:
    """Leave the connection to a server that cannot end it at once."""


class _Exchange:
    """One request and its answer."""

    __slots__ = ("_arrived", "_metrics", "_scope", "_send", "_status", "_streaming")

    def __init__(self, metrics: ProcessMetrics, scope: Scope, send: Send) -> None:
        self._metrics = metrics
        self._scope = scope
        self._send = send
        self._arrived = time.perf_counter()
        self._status = 0
        self._streaming = False

    async def send(self, message: Message) -> None:
        """Pass a message on, and count it."""
        if message["type"] == "http.response.start":
            self._begin(message)
        await self._send(message)
        if self._streaming:
            self._metrics.stream_events.inc(_events(message.get("body", b"")))

    def _begin(self, message: Message) -> None:
        self._status = message["status"]
        seconds = time.perf_counter() - self._arrived
        self._metrics.request_seconds.labels(self._method(), self._route()).observe(seconds)
        self._streaming = any(
            name.lower() == b"content-type" and value.startswith(_EVENT_STREAM) for name, value in message["headers"]
        )
        if self._streaming:
            self._metrics.streams_open.inc()

    def end(self) -> None:
        """Count the request; one whose client went before there was an answer has no status."""
        if self._streaming:
            self._metrics.streams_open.dec()
        self._metrics.requests.labels(self._method(), self._route(), str(self._status or "none")).inc()

    def _method(self) -> str:
        method = self._scope["method"]
        return method if method in METHODS else OTHER

    def _route(self) -> str:
        """Return the template of the path, or where what serves it is mounted."""
        path = getattr(self._scope.get("route"), "path", None)
        return path or self._scope.get("root_path") or NO_ROUTE


def _events(body: bytes) -> int:
    """Return how many events there are in a piece of a stream: each has one line of data, escaped as JSON is."""
    return body.count(b"\ndata: ") + body.startswith(b"data: ")

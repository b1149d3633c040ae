"""The trace that a request belongs to, for the jobs that it asks for."""

from __future__ import annotations

from contextvars import ContextVar

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from backdesk.worker.model.options import TRACEPARENT

_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)


class TraceContext:
    """An ASGI middleware that takes the `traceparent` of a request; one that is malformed is passed over, as W3C says.

    https://www.w3.org/TR/trace-context/
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = Headers(scope=scope).get("traceparent", "")
            _traceparent.set(given if TRACEPARENT.fullmatch(given) else None)
        await self._app(scope, receive, send)


def traceparent() -> str | None:
    """Return the trace context of the request that is being answered."""
    return _traceparent.get()

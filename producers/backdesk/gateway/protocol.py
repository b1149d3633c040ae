"""HTTP as uvicorn speaks it, with bounds on what comes before a request is one."""

from __future__ import annotations

from asyncio import Transport
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from backdesk.gateway.streams.sse import ABORT

#: The first line and headers of a request, in bytes.
MOST_HEADERS = 64 * 1024


class Protocol(HttpToolsProtocol):
    """A connection. Applications can end it if its client takes nothing; headers too many or too slow end it, too."""

    #: How long a client may take for the headers of a request, in seconds.
    header_timeout_s: ClassVar[float] = 10.0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for a request, not for ever."""
        super().connection_made(transport)
        self._read = 0
        self._in_headers = True
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come, unless it is more than headers can be."""
        self._read += len(data)
        super().data_received(data)
        if self._in_headers and self._read > MOST_HEADERS:
            self._refuse(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        """Offer the end of the connection with each request."""
        super().on_message_begin()
        extensions: dict[str, Any] = self.scope.setdefault("extensions", {})
        extensions[ABORT] = self.transport.abort
        self._in_headers = True
        self._await_headers()

    def on_headers_complete(self) -> None:
        """Let the application have it."""
        self._timer.cancel()
        self._in_headers, self._read = False, 0
        super().on_headers_complete()

    def _await_headers(self) -> None:
        if timer := getattr(self, "_timer", None):
            timer.cancel()
        self._timer = self.loop.call_later(self.header_timeout_s, self._refuse, b"408 Request Timeout")

    def _refuse(self, status: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            self.transport.close()


def protocol_of(header_timeout_s: float) -> type[Protocol]:
    """Return how connections are served that may take so long for the headers of a request."""
    return type("BoundedProtocol", (Protocol,), {"header_timeout_s": header_timeout_s})

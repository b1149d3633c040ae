"""A web site for tests: real connections, answers by path, and all that was asked."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """An answer. `raw` writes to the connection what is no proper one."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: Callable[[socket.socket], None] | None = None


def told(data: Any, status: int = 200, **headers: str) -> Told:
    """Return an answer in JSON; `Retry_After` stands for `Retry-After`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Told(json.dumps(data).encode(), status, {"Content-Type": "application/json", **named})


Answer = Told | Sequence[Told] | Callable[[Seen], Told]


class Site:
    """Answers by path, without its query; a list is answered by turns, its last for all that come after."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.seen: list[Seen] = []
        self.port = 0
        self._lock = threading.Lock()

    @property
    def paths(self) -> list[str]:
        return [each.path for each in self.seen]

    def url(self, path: str = "", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def answer(self, seen: Seen) -> Told:
        with self._lock:
            self.seen.append(seen)
            answer = self.answers.get(seen.path.partition("?")[0], Told(b"", 404))
            if callable(answer):
                found: Callable[[Seen], Told] = answer
            elif isinstance(answer, Told):
                return answer
            else:
                nth = sum(each.path == seen.path for each in self.seen)
                return answer[min(nth, len(answer)) - 1]
        return found(seen)


class _Handler(BaseHTTPRequestHandler):
    site: Site
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Stay quiet."""

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.site.answer(Seen(self.command, self.path, dict(self.headers.items()), body))
        self.close_connection = True
        try:
            if answer.raw is not None:
                answer.raw(self.connection)
                return
            self.send_response(answer.status)
            for name, value in {
                "Content-Length": str(len(answer.body)),
                "Connection": "close",
                **answer.headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)
        except (BrokenPipeError, ConnectionResetError):
            return

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815 - the names are the base class's


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients hang up on what they refuse."""


@contextmanager
def serving() -> Iterator[Site]:
    """Run a site for the length of the block."""
    site = Site()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"site": site}))
    site.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""The probes of a worker's health: a file that is written anew all the time, and an HTTP port.

The report needs no Redis; the metrics at the port do. What reads the file also learns from its age that the process is
frozen.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from redis.exceptions import RedisError

from backdesk.worker.model.health import HealthReport, WorkerFacts
from backdesk.worker.process.periodic import Periodic, PeriodicService
from backdesk.worker.store.connection import explained

log = logging.getLogger(__name__)

WRITE_EVERY_S = 2.0
#: A caller that says nothing is let go. Seconds.
HTTP_TIMEOUT_S = 5.0
_PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class FileProbe(PeriodicService):
    """Writes the report of a worker's health into a file."""

    def __init__(self, path: Path, facts: Callable[[], WorkerFacts]) -> None:
        super().__init__(Periodic("health-file", WRITE_EVERY_S, self.write))
        self._path = path
        self._facts = facts

    def write(self) -> None:
        """Write the report once; whoever reads meanwhile sees the old one."""
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        draft.write_text(HealthReport.of(self._facts(), time.time()).model_dump_json() + "\n")
        draft.replace(self._path)

    def stop(self) -> None:
        """Stop, and remove the file. Idempotent."""
        super().stop()
        self._path.unlink(missing_ok=True)


class HttpProbe:
    """Answers GET /health with 200 or 503 and the report as JSON, GET /metrics with figures for Prometheus.

    Raises OSError when the port is taken.
    """

    def __init__(self, host: str, port: int, facts: Callable[[], WorkerFacts], metrics: Callable[[], bytes]) -> None:
        self._server = ThreadingHTTPServer(
            (host, port), _handler({"/health": _health(facts), "/metrics": _page(metrics)})
        )
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="backdesk-health-port", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop. Idempotent."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the port answers."""

    status: int
    content_type: str
    body: bytes


def _health(facts: Callable[[], WorkerFacts]) -> Callable[[], Answer]:
    def answer() -> Answer:
        report = HealthReport.of(facts(), time.time())
        return Answer(200 if report.healthy else 503, "application/json", report.model_dump_json().encode())

    return answer


def _page(metrics: Callable[[], bytes]) -> Callable[[], Answer]:
    def answer() -> Answer:
        try:
            return Answer(200, _PROMETHEUS_TEXT, metrics())
        except RedisError as error:
            return Answer(503, "text/plain; charset=utf-8", f"Redis cannot be read: {explained(error)}\n".encode())

    return answer


def _handler(pages: Mapping[str, Callable[[], Answer]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = HTTP_TIMEOUT_S

        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0])
            if page is None:
                self.send_error(404)
                return
            answer = page()
            body = answer.body
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(ConnectionError):  # whoever asked has left
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
            """Say nothing: a probe asks every few seconds."""

    return Handler

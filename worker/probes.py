"""Where a supervisor asks after a worker: a file that is written anew all the time, and an HTTP port.

Both need no Redis. What reads the file also learns from its age that the process is frozen.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from worker.health import HealthReport, WorkerFacts
from worker.periodic import Periodic

log = logging.getLogger(__name__)

WRITE_EVERY_S = 2.0
#: A caller that says nothing is let go. Seconds.
HTTP_TIMEOUT_S = 5.0


class FileProbe:
    """Writes the verdict into a file."""

    def __init__(self, path: Path, facts: Callable[[], WorkerFacts]) -> None:
        self._path = path
        self._facts = facts
        self._thread = Periodic("health-file", WRITE_EVERY_S, self.write)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def write(self) -> None:
        """Write the verdict once; whoever reads meanwhile sees the old one."""
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        draft.write_text(HealthReport.of(self._facts(), time.time()).model_dump_json() + "\n")
        draft.replace(self._path)

    def stop(self) -> None:
        """Stop, and remove the file. Idempotent."""
        self._thread.stop()
        self._path.unlink(missing_ok=True)


class HttpProbe:
    """Answers GET /health with 200 or 503 and the verdict as JSON. Raises OSError when the port is taken."""

    def __init__(self, host: str, port: int, facts: Callable[[], WorkerFacts]) -> None:
        self._server = ThreadingHTTPServer((host, port), _handler(facts))
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


def _handler(facts: Callable[[], WorkerFacts]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = HTTP_TIMEOUT_S

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/health":
                self.send_error(404)
                return
            report = HealthReport.of(facts(), time.time())
            body = report.model_dump_json().encode()
            self.send_response(200 if report.healthy else 503)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(ConnectionError):  # whoever asked has left
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
            """Say nothing: a probe asks every few seconds."""

    return Handler

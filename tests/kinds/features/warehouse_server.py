"""A warehouse by HTTP on this machine, which runs queries on the sample and does as it is told when it is to fail."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from backdesk.tools.query.engine import run
from backdesk.tools.query.order import Order, Source
from backdesk.tools.query.sample import SAMPLE_NAME, SAMPLE_SQL


class WarehouseServer:
    """What it has, what it was asked, and what it does to the next requests of a path: by the name of a fault."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.pipelines: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.faults: dict[str, list[str]] = {}
        #: What it says of pipelines that it works on by itself.
        self.goes_on: dict[str, Any] = {}
        self.url = ""

    @contextmanager
    def running(self) -> Iterator[WarehouseServer]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def answer(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        """Do what is asked. Returns a status and what to send."""
        match method, path.strip("/").split("/"):
            case "POST", ["jobs"]:
                key = headers["Idempotency-Key"]
                known = self.jobs.setdefault(key, {"pipeline_id": f"pl-{len(self.jobs) + 1}", "job": body})
                self.pipelines.setdefault(known["pipeline_id"], {"status": "queued", "figures": {}})
                return 201, {"pipeline_id": known["pipeline_id"], "job_url": f"{self.url}/{known['pipeline_id']}"}
            case "PUT", ["pipelines", pipeline]:
                self.pipelines[pipeline] = body
                return 200, {}
            case "GET", ["pipelines", pipeline]:
                return 200, {"pipeline_id": pipeline, **self.pipelines[pipeline], **self.goes_on}
            case "POST", ["queries"]:
                source = Source(SAMPLE_NAME, "made", made_by=SAMPLE_SQL)
                with TemporaryDirectory() as folder:
                    found = run(Order(body["sql"], (source,), folder, progress=False), lambda _: None)
                    rows = json.loads(Path(found.file).read_text())
                return 200, {"rows": rows[:5] if body["save_as"] else rows}
        return 404, {"error": "no such thing"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - a class of a few faults, each of a line
        warehouse = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(size)) if size else None
                warehouse.asked.append((self.command, self.path, dict(self.headers)))
                faults = warehouse.faults.get(self.path, [])
                self._send(faults.pop(0) if faults else "", body)

            def _send(self, fault: str, body: Any) -> None:
                match fault:
                    case "hang":
                        time.sleep(1)
                    case "drip" | "drip headers":
                        self._drip(fault)
                    case "busy":
                        self._write(503, b"{}")
                    case "refuse":
                        self._write(403, b"no")
                    case _:
                        self._answer(fault, body)

            def _answer(self, fault: str, body: Any) -> None:
                status, said = warehouse.answer(self.command, self.path, body, dict(self.headers))
                if fault == "drop":  # what was asked is done, and nobody hears of it
                    self.close_connection = True
                    return
                self._write(status, b"<html>" if fault == "garble" else json.dumps(said).encode())

            def _drip(self, fault: str) -> None:
                """Send a byte at a time, each well within what one read may take, and never come to an end."""
                begun = b"HTTP/1.1 200 OK\r\nX-Slow: "
                with suppress(OSError):
                    self.wfile.write(begun if fault == "drip headers" else begun + b"1\r\nContent-Length: 1000\r\n\r\n")
                    for _ in range(200):
                        self.wfile.write(b"x")
                        self.wfile.flush()
                        time.sleep(0.02)

            def _write(self, status: int, data: bytes) -> None:
                with suppress(OSError):
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base's
                return

            do_GET = do_POST = do_PUT = _serve  # noqa: N815 - the names are the base's

        return Handler

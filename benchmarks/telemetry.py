"""What it costs to be looked at: jobs that are traced, and a scrape of a deployment with many tenants."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from backdesk.client import JobClient
from backdesk.worker.services.metrics import Metrics
from backdesk.worker.settings import load_settings
from benchmarks.child import Child
from benchmarks.contender import BACKDESK, PREFIX, environment
from benchmarks.kinds import CHECKS
from benchmarks.line import Line
from benchmarks.plan import Plan
from benchmarks.rounds import Server, Turn, fresh_server, in_rounds

JOBS = 5_000
SLOTS = 64
TENANTS, FEW = 50_000, 100
SCRAPES = 20
TRACED, UNTRACED = "traced", "untraced"


def traced(plan: Plan) -> list[Line]:
    """CPU of a worker for a no-op job told by OpenTelemetry to a collector that drops it, beside one not told."""
    jobs = plan.of(JOBS)
    turns = [Turn(name, BACKDESK, partial(_drained, jobs, name == TRACED)) for name in (UNTRACED, TRACED)]
    taken = in_rounds(turns, plan.repeat).taken
    return [Line("traced", "CPU of the worker a no-op job, traced", "µs", taken[TRACED], UNTRACED, taken[UNTRACED])]


def scrape(plan: Plan) -> list[Line]:
    """`/metrics` of a deployment in which 50,000 tenants have a job each, beside one with 100: until it is rendered."""
    many, few = plan.of(TENANTS), FEW
    taken = {tenants: [_scraped(tenants) for _ in range(plan.repeat)] for tenants in (many, few)}
    title = f"a scrape, {many:,} tenants"
    return [Line("scrape", title, "ms", taken[many], f"{few} tenants", taken[few])]


def _drained(jobs: int, with_traces: bool, server: Server) -> float:
    BACKDESK.submit(server.url, "fill", jobs, "noop")
    with _sink() as url:
        told = {"BACKDESK_OTEL": "1", "OTEL_EXPORTER_OTLP_ENDPOINT": url} if with_traces else {}
        with Child(BACKDESK.worker(SLOTS), environment(server.url) | told) as worker:
            worker.wait_until(lambda: BACKDESK.left(server.client, jobs) <= jobs * 0.9)
            left, before_s = BACKDESK.left(server.client, jobs), worker.cpu_s()
            worker.wait_until(lambda: BACKDESK.left(server.client, jobs) <= 0)
            return (worker.cpu_s() - before_s) / left * 1e6


@contextmanager
def _sink() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _scraped(tenants: int) -> float:
    with fresh_server() as server:
        settings = load_settings(_env_file=None, redis_url=server.url, prefix=PREFIX)
        with JobClient(settings=settings, checks=CHECKS) as client:
            for number in range(tenants):
                client.submit("bench.noop", {"n": number}, tenant=f"tenant-{number}")
        metrics = Metrics(server.client, settings)
        metrics.render()
        began = time.perf_counter()
        for _ in range(SCRAPES):
            metrics.render()
        return (time.perf_counter() - began) / SCRAPES * 1000

"""The gateway: submits over HTTP beside a bare route that sends a Celery task, and thousands of streams at once."""

from __future__ import annotations

import json
import socket
import tempfile
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from backdesk.client import JobClient
from backdesk.worker.settings import load_settings
from benchmarks.child import Child, ask
from benchmarks.contender import BACKDESK, CELERY, PREFIX, Command, Contender, environment
from benchmarks.kinds import CHECKS, PulseRequest
from benchmarks.line import Bound, Line
from benchmarks.plan import Plan
from benchmarks.rounds import Server, Turn, fresh_server, in_rounds

SUBMITS = 5_000
CONNECTIONS = 16
BATCHES, BATCH = 40, 500
#: Half of what is to be reached, in requests a second.
HALF = 250.0
STREAMS = 5_000
EVENTS_A_SECOND = 2_000.0
EVENTS_EACH = 12

Report = dict[str, Any]


def gateway_submit(plan: Plan) -> list[Line]:
    """Submits over HTTP, 16 at a time, and at 250 a second; batches of 500. No worker runs meanwhile."""
    full = in_rounds(_turns(plan.of(SUBMITS), 0.0), plan.repeat).taken
    half = in_rounds(_turns(plan.of(SUBMITS // 2), HALF), plan.repeat).taken
    batches = [_batches(plan) for _ in range(plan.repeat)]
    return [
        _line("submits over HTTP", "jobs/s", full, "rate", better="higher", bound=Bound("value", "≥", 500)),
        _line(f"one of {HALF:g} submits a second: p50", "ms", half, "p50_ms"),
        _line(f"one of {HALF:g} submits a second: p99", "ms", half, "p99_ms", bound=Bound("value", "≤", 30)),
        Line(
            "gateway_submit",
            f"submits over HTTP, {BATCH} at once",
            "jobs/s",
            [report["rate"] * BATCH for report in batches],
            better="higher",
            bound=Bound("value", "≥", 5_000),
        ),
    ]


def gateway_streams(plan: Plan) -> list[Line]:
    """5,000 streams of 5,000 jobs in one gateway, while those emit 2,000 events a second in all."""
    reports = [_streams(plan.of(STREAMS), EVENTS_A_SECOND) for _ in range(plan.repeat)]
    title = f"{plan.of(STREAMS):,} streams"

    def line(what: str, unit: str, name: str, bound: Bound | None = None) -> Line:
        values = [float(report[name]) for report in reports]
        return Line("gateway_streams", f"{title}: {what}", unit, values, bound=bound)

    return [
        line("p50 of an event's way", "ms", "p50_ms"),
        line("p99 of an event's way", "ms", "p99_ms", Bound("value", "≤", 100)),
        line("memory of the gateway", "MB", "rss_mb", Bound("value", "≤", 300)),
        line("CPU of the gateway", "s/s", "cpu"),
        line("gaps", "", "gaps", Bound("value", "≤", 0)),
    ]


def _turns(count: int, rate: float) -> list[Turn[Report]]:
    return [
        Turn(BACKDESK.name, BACKDESK, partial(_ours, count, rate)),
        Turn(CELERY.name, CELERY, partial(_celery, CELERY, count, rate)),
    ]


def gateway(port: int) -> Command:
    """Return the command of a gateway."""
    return [BACKDESK.python(), "-m", "backdesk.cli", "gateway", "--port", str(port)]


def _ours(count: int, rate: float, server: Server) -> Report:
    body = json.dumps({"kind": "bench.noop", "request": {"n": 1}})
    return _loaded(gateway, "/v1/jobs", body, count, rate, server)


def _celery(celery: Contender, count: int, rate: float, server: Server) -> Report:
    def route(port: int) -> Command:
        return [celery.python(), "-m", "benchmarks.peers.celery_route", str(port)]

    return _loaded(route, "/jobs", json.dumps({"n": 1}), count, rate, server)


def _batches(plan: Plan) -> Report:
    body = json.dumps({"kind": "bench.noop", "requests": [{"n": n} for n in range(BATCH)]})
    with fresh_server() as server:
        return _loaded(gateway, "/v1/jobs/batch", body, plan.of(BATCHES), 0.0, server, connections=2)


def _loaded(  # noqa: PLR0917 - who is asked, for what, how often
    command: Callable[[int], Command],
    path: str,
    body: str,
    count: int,
    rate: float,
    server: Server,
    connections: int = CONNECTIONS,
) -> Report:
    """Have a server started, its kinds announced by a worker that has gone by then, and asked."""
    env, port = environment(server.url), free_port()
    with Child(BACKDESK.worker(8), env) as worker:
        worker.wait_until(lambda: bool(server.client.hlen(f"{PREFIX}:kinds")))
    with Child(command(port), env) as serving:
        serving.wait_until(partial(listens, port))
        load: Command = [BACKDESK.python(), "-m", "benchmarks.http_load", str(port), path]
        warm: Command = [*load, str(connections * 5), str(connections), "0"]
        ask(warm, env | {"BENCH_BODY": body})
        report: Report = ask([*load, str(count), str(connections), str(rate)], env | {"BENCH_BODY": body})
    if report["failed"]:
        raise AssertionError(f"{report['failed']} requests were refused")
    return report


def _streams(count: int, rate: float) -> Report:
    jobs, port = [str(uuid.uuid4()) for _ in range(count)], free_port()
    with fresh_server() as server, tempfile.NamedTemporaryFile("w") as listed:
        env = environment(server.url)
        settings = load_settings(redis_url=server.url, prefix=PREFIX)
        with JobClient(settings=settings, checks=CHECKS) as client:
            for number, job_id in enumerate(jobs):
                # So that they do not all tell something at the same moment, over and over.
                request = PulseRequest(count=EVENTS_EACH + 1, rate=rate / count, pause_s=number / rate)
                client.submit("bench.pulse", request, job_id=job_id)
        listed.write("\n".join(jobs))
        listed.flush()
        viewers: Command = [
            BACKDESK.python(),
            "-m",
            "benchmarks.stream_viewers",
            str(port),
            str(EVENTS_EACH),
            listed.name,
        ]
        with Child(gateway(port), env) as serving:
            serving.wait_until(partial(listens, port))
            with Child(viewers, env) as watching:
                watching.answer()
                before_s = serving.cpu_s()
                with Child(BACKDESK.worker(count), env) as worker:
                    report = dict(watching.answer())
                    seconds = EVENTS_EACH * count / rate
                    report |= {"cpu": (serving.cpu_s() - before_s) / seconds, "rss_mb": serving.peak_rss_mb()}
                    worker.kill()
    return report


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Return whether somebody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _line(
    title: str,
    unit: str,
    samples: dict[str, list[Report]],
    name: str,
    *,
    bound: Bound | None = None,
    better: Any = "lower",
) -> Line:
    ours, theirs = ([float(report[name]) for report in samples[side.name]] for side in (BACKDESK, CELERY))
    peer = "Celery behind FastAPI"
    return Line("gateway_submit", title, unit, ours, peer, theirs, better=better, bound=bound)

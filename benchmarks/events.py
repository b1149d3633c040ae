"""From `ctx.emit` in a body to a subscriber in another process, beside a bare PUBLISH to the same subscriber."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any, Literal

from backdesk.client import JobClient
from backdesk.worker.settings import load_settings
from backdesk.worker.store.keys import Keys
from benchmarks.child import Child
from benchmarks.contender import BACKDESK, PREFIX, Command, Contender, environment
from benchmarks.kinds import CHECKS, PulseRequest
from benchmarks.line import Bound, Line
from benchmarks.plan import Plan
from benchmarks.rounds import Server, Turn, in_rounds

IDLE = (500, 50.0)
BUSY = (20_000, 2_000.0)
BARE = "bare PUBLISH"

Report = dict[str, Any]


def idle_events(plan: Plan) -> list[Line]:
    """An event every 20 ms, nothing else going on."""
    count, rate = plan.of(IDLE[0]), IDLE[1]
    samples = in_rounds(_turns(count, rate), plan.repeat).taken
    every = f"an event every {1000 / rate:g} ms"
    return [
        _line("events_idle", f"{every}: p50", "ms", samples, "p50_ms"),
        _line("events_idle", f"{every}: p99", "ms", samples, "p99_ms", bound=Bound("value", "<", 5)),
    ]


def busy_events(plan: Plan) -> list[Line]:
    """2,000 events a second from one body for ten seconds."""
    count, rate = plan.of(BUSY[0]), BUSY[1]
    samples = in_rounds(_turns(count, rate), plan.repeat).taken
    asked = f"{rate:,.0f} events/s from one body"
    ours = samples[BACKDESK.name]
    achieved = Bound("value", "≥", 0.99 * rate)
    return [
        _line("events_busy", f"{asked}: achieved", "events/s", samples, "rate", better="higher", bound=achieved),
        _line("events_busy", f"{asked}: p50", "ms", samples, "p50_ms"),
        _line("events_busy", f"{asked}: p99", "ms", samples, "p99_ms"),
        Line("events_busy", f"{asked}: faults", "", [_faults(r, count) for r in ours], bound=Bound("value", "≤", 0)),
    ]


def _faults(report: Report, count: int) -> float:
    """Count what a subscriber must never see: missing or unsent events, a wrong order, a log that says otherwise."""
    astray = (not report["in_order"]) + (not report["log_equal"])
    return float(report["missing"] + abs(count - report["ticks"]) + astray)


def _turns(count: int, rate: float) -> list[Turn[Report]]:
    # The bare publisher needs nothing but our own interpreter.
    bare = Contender(BARE, BACKDESK.python, "", "benchmarks.peers.publisher", lambda _: [], lambda _client, _: 0)
    return [
        Turn(BACKDESK.name, BACKDESK, partial(_ours, count, rate)),
        Turn(BARE, bare, partial(_bare, bare, count, rate)),
    ]


def _ours(count: int, rate: float, server: Server) -> Report:
    job_id, keys = str(uuid.uuid4()), Keys(PREFIX)
    settings = load_settings(redis_url=server.url, prefix=PREFIX)
    command = _subscriber(keys.progress(job_id), job_id)
    with Child(BACKDESK.worker(8), environment(server.url)) as worker:
        worker.wait_until(lambda: bool(server.client.hlen(keys.slots)))
        BACKDESK.submit(server.url, "fill", 1, "noop")
        worker.wait_until(lambda: BACKDESK.left(server.client, 1) <= 0)
        with Child(command, environment(server.url)) as subscriber:
            subscriber.answer()
            with JobClient(settings=settings, checks=CHECKS) as client:
                client.submit("bench.pulse", PulseRequest(count=count, rate=rate), job_id=job_id)
            return dict(subscriber.answer())


def _bare(bare: Contender, count: int, rate: float, server: Server) -> Report:
    with Child(_subscriber("events"), environment(server.url)) as subscriber:
        subscriber.answer()
        with Child([*bare.worker(0), "events", str(count), str(rate)], environment(server.url)):
            return dict(subscriber.answer())


def _subscriber(*names: str) -> Command:
    return [BACKDESK.python(), "-m", "benchmarks.subscriber", *names]


def _line(
    measurement: str,
    title: str,
    unit: str,
    samples: dict[str, list[Report]],
    name: str,
    *,
    better: Literal["lower", "higher"] = "lower",
    bound: Bound | None = None,
) -> Line:
    ours, bare = ([float(report[name]) for report in samples[side]] for side in (BACKDESK.name, BARE))
    return Line(measurement, title, unit, ours, BARE, bare, better=better, bound=bound)

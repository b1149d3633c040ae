"""How many jobs that do nothing one worker process ends a second: the price of record, lease, events and result.

The jobs are queued first, then the worker starts; the clock runs from the moment a tenth is done until all are.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

from benchmarks.child import Child
from benchmarks.contender import ARQ, BACKDESK, CELERY, Contender, environment
from benchmarks.line import Bound, Line
from benchmarks.plan import Plan
from benchmarks.rounds import Samples, Server, Turn, in_rounds

JOBS = 5000
SLOTS = (8, 64)
SYNC = "backdesk, def"
#: Our rate as a multiple of plain Celery's with results off, by kind and slots, when dispatch knew neither costs nor
#: limits. These may take a tenth of it.
WITHOUT_LIMITS = {("async def", 8): 1.03, ("def", 8): 1.22, ("async def", 64): 1.69, ("def", 64): 1.94}
KEPT = 0.9
#: What a coroutine is to cost beside arq, which keeps none of it.
NO_SLOWER = Bound("ratio", "≥", 1.0)


@dataclass(frozen=True, slots=True)
class Drained:
    """Jobs a second, and the CPU time of the worker process for one job in µs."""

    rate: float
    cpu_us: float


def drain(plan: Plan) -> list[Line]:
    """Drain a queue with 8 and with 64 threads."""
    return [line for slots in SLOTS for line in _with_slots(plan, slots)]


def _with_slots(plan: Plan, slots: int) -> list[Line]:
    jobs = plan.of(JOBS)
    turns = [
        Turn(label, contender, partial(_drained, contender, slots, jobs, kind))
        for label, contender, kind in (
            (BACKDESK.name, BACKDESK, "noop"),
            (CELERY.name, CELERY, "noop"),
            (SYNC, BACKDESK, "noop_sync"),
            (ARQ.name, ARQ, "noop"),
        )
    ]
    samples = in_rounds(turns, plan.repeat)
    return [
        _rate(samples, f"no-op async def, {slots} slots", BACKDESK.name, CELERY, _allowed("async def", slots)),
        _rate(samples, f"no-op def, {slots} slots", SYNC, CELERY, _allowed("def", slots)),
        _rate(samples, f"no-op async def, {slots} slots", BACKDESK.name, ARQ, NO_SLOWER),
        _cpu(samples, f"CPU of the worker a job, {slots} slots", BACKDESK.name, CELERY),
        _cpu(samples, f"CPU of the worker a job, {slots} slots", BACKDESK.name, ARQ),
    ]


def _allowed(body: str, slots: int) -> Bound:
    return Bound("ratio", "≥", round(KEPT * WITHOUT_LIMITS[body, slots], 2))


def _drained(contender: Contender, slots: int, jobs: int, kind: str, server: Server) -> Drained:
    contender.submit(server.url, "fill", jobs, kind)
    with Child(contender.worker(slots), environment(server.url)) as worker:
        worker.wait_until(lambda: contender.left(server.client, jobs) <= jobs * 0.9)
        began, left, cpu_s = time.perf_counter(), contender.left(server.client, jobs), worker.cpu_s()
        worker.wait_until(lambda: contender.left(server.client, jobs) <= 0)
        seconds, cpu_s = time.perf_counter() - began, worker.cpu_s() - cpu_s
    return Drained(left / seconds, cpu_s / left * 1e6)


def _rate(samples: Samples[Drained], title: str, ours: str, peer: Contender, bound: Bound | None = None) -> Line:
    return Line(
        "drain",
        title,
        "jobs/s",
        [drained.rate for drained in samples.taken[ours]],
        peer.name,
        [drained.rate for drained in samples.taken[peer.name]],
        better="higher",
        bound=bound,
        missing=samples.missing.get(peer.name),
    )


def _cpu(samples: Samples[Drained], title: str, ours: str, peer: Contender) -> Line:
    return Line(
        "drain",
        title,
        "µs",
        [drained.cpu_us for drained in samples.taken[ours]],
        peer.name,
        [drained.cpu_us for drained in samples.taken[peer.name]],
        missing=samples.missing.get(peer.name),
    )

"""A thousand jobs that wait at the same time in one process, as agents wait for their model.

Ours arrive by `submit_many` at a worker that is warm; theirs are queued before the worker starts, so that slower
submission does not count against them. Ours are timed from claim to recorded end, theirs from body to body.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from functools import partial

from backdesk.client import JobClient
from backdesk.worker.model.job import JobState
from backdesk.worker.settings import load_settings
from backdesk.worker.store.keys import Keys
from benchmarks.child import Child, MeasurementFailed
from benchmarks.contender import ARQ, BACKDESK, CELERY, PREFIX, WAIT_S, Contender, environment
from benchmarks.line import Bound, Line
from benchmarks.plan import Plan
from benchmarks.rounds import Samples, Server, Turn, in_rounds

JOBS = 1000


@dataclass(frozen=True, slots=True)
class Waited:
    """Time from first start to last end, as a multiple of one wait, and the most memory the worker took."""

    stretch: float
    peak_rss_mb: float


def waiting(plan: Plan) -> list[Line]:
    """Run 1,000 jobs of 2 s each at the same time."""
    jobs = plan.of(JOBS)
    turns = [
        Turn(BACKDESK.name, BACKDESK, partial(_ours, jobs)),
        Turn(CELERY.name, CELERY, partial(_theirs, CELERY, jobs)),
        Turn(ARQ.name, ARQ, partial(_theirs, ARQ, jobs)),
    ]
    samples = in_rounds(turns, plan.repeat)
    time_limit, memory_limit = Bound("value", "≤", 1.1), Bound("value", "≤", 90)
    return [*_lines(samples, jobs, CELERY, time_limit, memory_limit), *_lines(samples, jobs, ARQ)]


def _ours(jobs: int, server: Server) -> Waited:
    with Child(BACKDESK.worker(jobs), environment(server.url)) as worker:
        # Slots are announced once the worker consumes; one job warms it up.
        worker.wait_until(lambda: bool(server.client.hlen(Keys(PREFIX).slots)))
        BACKDESK.submit(server.url, "fill", 1, "noop")
        worker.wait_until(lambda: BACKDESK.left(server.client, 1) <= 0)
        BACKDESK.submit(server.url, "fill", jobs, "wait")
        worker.wait_until(lambda: BACKDESK.left(server.client, jobs + 1) <= 0)
        return Waited(_recorded_span_s(server, jobs) / WAIT_S, worker.peak_rss_mb())


def _recorded_span_s(server: Server, jobs: int) -> float:
    settings = load_settings(redis_url=server.url, prefix=PREFIX)
    with JobClient(settings=settings) as client:
        records = client.list(state=JobState.SUCCEEDED, kind="bench.wait", limit=jobs)
    starts = [record.started_at for record in records if record.started_at]
    ends = [record.finished_at for record in records if record.finished_at]
    if len(starts) < jobs or len(ends) < jobs:
        raise MeasurementFailed(f"of {jobs} jobs only {len(ends)} have a record of their end")
    return (max(ends) - min(starts)).total_seconds()


def _theirs(peer: Contender, jobs: int, server: Server) -> Waited:
    peer.submit(server.url, "fill", jobs, "wait")
    with Child(peer.worker(jobs), environment(server.url)) as worker:
        worker.wait_until(lambda: peer.left(server.client, jobs) <= 0)
        # Celery's have begun now, arq's have ended: the times are left behind when the worker ends.
        time.sleep(WAIT_S)
        peak_rss_mb = worker.peak_rss_mb()
        worker.stop()
        span = json.loads(worker.span.read_text())
    if span["jobs"] < jobs:
        raise MeasurementFailed(f"{peer.name} ended {span['jobs']} of {jobs} jobs")
    return Waited(span["seconds"] / WAIT_S, peak_rss_mb)


def _lines(
    samples: Samples[Waited],
    jobs: int,
    peer: Contender,
    time_limit: Bound | None = None,
    memory_limit: Bound | None = None,
) -> list[Line]:
    ours, theirs = samples.taken[BACKDESK.name], samples.taken[peer.name]
    missing = samples.missing.get(peer.name)
    return [
        Line(
            "waiting",
            f"{jobs:,} jobs of {WAIT_S:g} s at once, time / {WAIT_S:g} s",
            "",
            [waited.stretch for waited in ours],
            peer.name,
            [waited.stretch for waited in theirs],
            bound=time_limit,
            missing=missing,
        ),
        Line(
            "waiting",
            f"{jobs:,} jobs of {WAIT_S:g} s at once, peak memory",
            "MB",
            [waited.peak_rss_mb for waited in ours],
            peer.name,
            [waited.peak_rss_mb for waited in theirs],
            bound=memory_limit,
            missing=missing,
        ),
    ]

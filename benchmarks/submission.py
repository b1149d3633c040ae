"""What it costs a service to hand over work: one call a job, and many jobs at once. No worker runs meanwhile."""

from __future__ import annotations

from functools import partial

from benchmarks.contender import ARQ, BACKDESK, CELERY, Contender
from benchmarks.line import Bound, Line
from benchmarks.plan import Plan
from benchmarks.rounds import Samples, Server, Turn, in_rounds

CALLS = 2000
BATCH = 1000
ANNOUNCED = "backdesk, announced schema"


def submit(plan: Plan) -> list[Line]:
    """One blocking call on a warm connection."""
    turns = [_turn(contender.name, contender, "each", plan.of(CALLS)) for contender in (BACKDESK, CELERY, ARQ)]
    turns.append(_turn(ANNOUNCED, BACKDESK, "announced", plan.of(CALLS)))
    samples = in_rounds(turns, plan.repeat)
    return [
        _line("submit", "one submit", "µs", samples, ours=BACKDESK.name, peer=CELERY, bound=Bound("ratio", "≥", 1.5)),
        _line("submit", "one submit", "µs", samples, ours=BACKDESK.name, peer=ARQ),
        _line("submit", "one submit, kind known by its announced schema", "µs", samples, ours=ANNOUNCED, peer=CELERY),
    ]


def submit_many(plan: Plan) -> list[Line]:
    """One `submit_many` of 1,000 jobs beside 1,000 calls of a peer, which has no call for many."""
    jobs = plan.of(BATCH)
    turns = [_turn(contender.name, contender, "many", jobs) for contender in (BACKDESK, CELERY, ARQ)]
    samples = in_rounds(turns, plan.repeat)
    title = f"submit_many of {jobs:,}"
    return [
        _line("submit_many", title, "ms", samples, ours=BACKDESK.name, peer=CELERY, bound=Bound("ratio", "≥", 5)),
        _line("submit_many", title, "ms", samples, ours=BACKDESK.name, peer=ARQ),
    ]


_PER_SECOND = {"µs": 1e6, "ms": 1e3}


def _turn(label: str, contender: Contender, action: str, count: int) -> Turn[float]:
    return Turn(label, contender, partial(_seconds, contender, action, count))


def _seconds(contender: Contender, action: str, count: int, server: Server) -> float:
    return contender.submit(server.url, action, count)


def _line(
    measurement: str,
    title: str,
    unit: str,
    samples: Samples[float],
    *,
    ours: str,
    peer: Contender,
    bound: Bound | None = None,
) -> Line:
    scale = _PER_SECOND[unit]
    return Line(
        measurement,
        title,
        unit,
        [seconds * scale for seconds in samples.taken[ours]],
        peer.name,
        [seconds * scale for seconds in samples.taken[peer.name]],
        bound=bound,
        missing=samples.missing.get(peer.name),
    )

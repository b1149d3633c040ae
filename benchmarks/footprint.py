"""What a queued job takes of Redis: ours with its record, its first event and its places in the indexes."""

from __future__ import annotations

from functools import partial

from benchmarks.contender import ARQ, BACKDESK, CELERY, Contender
from benchmarks.line import Line
from benchmarks.plan import Plan
from benchmarks.rounds import Server, Turn, in_rounds

JOBS = 5000


def footprint(plan: Plan) -> list[Line]:
    """Queue jobs with a small payload while no worker runs."""
    jobs = plan.of(JOBS)
    turns = [Turn(c.name, c, partial(_bytes_a_job, c, jobs)) for c in (BACKDESK, CELERY, ARQ)]
    samples = in_rounds(turns, plan.repeat)
    return [
        Line(
            "footprint",
            "Redis memory of a queued job",
            "bytes",
            samples.taken[BACKDESK.name],
            peer.name,
            samples.taken[peer.name],
            missing=samples.missing.get(peer.name),
        )
        for peer in (CELERY, ARQ)
    ]


def _bytes_a_job(contender: Contender, jobs: int, server: Server) -> float:
    # A first job pays for scripts, counters and indexes that all jobs share.
    contender.submit(server.url, "fill", 1)
    before = int(server.client.info("memory")["used_memory"])
    contender.submit(server.url, "fill", jobs)
    return (int(server.client.info("memory")["used_memory"]) - before) / jobs

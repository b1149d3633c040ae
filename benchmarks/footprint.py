"""What a job takes of Redis, queued and when it has ended: ours with its log and its places in the indexes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from backdesk.client import JobClient
from backdesk.worker.model.job import JobState
from backdesk.worker.settings import load_settings
from backdesk.worker.store.keys import Keys
from benchmarks.child import Child
from benchmarks.contender import ARQ, BACKDESK, CELERY, PREFIX, Contender, environment
from benchmarks.line import Bound, Line
from benchmarks.plan import Plan
from benchmarks.rounds import Server, Turn, in_rounds

JOBS = 5000
#: Each makes a conversation of one turn: requests of the model, calls of tools, a refund that is shown to the customer.
SUPPORT_JOBS = 500
SUPPORT, MESSAGE, CUSTOMER = "support.request", "I want to return order 10003", "cust-3"
#: What is kept of a job that has succeeded, in bytes.
NOOP_BOUND, SUPPORT_BOUND = Bound("value", "≤", 1536), Bound("value", "≤", 6144)


def footprint(plan: Plan) -> list[Line]:
    """Queue jobs with a small payload while no worker runs; then run no-ops and requests of customers to their end."""
    jobs = plan.of(JOBS)
    turns = [Turn(c.name, c, partial(_bytes_queued, c, jobs)) for c in (BACKDESK, CELERY, ARQ)]
    samples = in_rounds(turns, plan.repeat)
    queued = [
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
    return [*queued, *_ended(plan)]


def _ended(plan: Plan) -> list[Line]:
    noops = Turn("a no-op", BACKDESK, partial(_bytes_ended, "bench.noop", {"n": 1}, plan.of(JOBS)))
    asked = {"message": MESSAGE, "customer_id": CUSTOMER}
    support = Turn("a customer's request", BACKDESK, partial(_bytes_ended, SUPPORT, asked, plan.of(SUPPORT_JOBS)))
    taken = in_rounds([noops, support], plan.repeat).taken
    bounds = {noops.label: NOOP_BOUND, support.label: SUPPORT_BOUND}
    return [
        Line("footprint", f"Redis memory of {label} that succeeded", "bytes", taken[label], bound=bound)
        for label, bound in bounds.items()
    ]


def _bytes_queued(contender: Contender, jobs: int, server: Server) -> float:
    # A first job pays for scripts, counters and indexes that all jobs share.
    contender.submit(server.url, "fill", 1)
    before = _used_memory(server)
    contender.submit(server.url, "fill", jobs)
    return (_used_memory(server) - before) / jobs


def _bytes_ended(kind: str, request: Mapping[str, Any], jobs: int, server: Server) -> float:
    settings = load_settings(_env_file=None, redis_url=server.url, prefix=PREFIX)
    modules = {"BACKDESK_TASK_MODULES": "benchmarks.kinds,backdesk.kinds.support.kind", "BACKDESK_SAMPLES": "1"}
    with (
        Child(BACKDESK.worker(8), {**environment(server.url), **modules}) as worker,
        JobClient(settings=settings) as client,
    ):
        worker.wait_until(lambda: any(contract.kind == kind for contract in client.kinds()))
        client.submit(kind, request)
        packed = partial(_is_packed, server, settings.prefix)
        worker.wait_until(lambda: client.counts()[JobState.SUCCEEDED] == 1 and packed())
        before = _used_memory(server)
        client.submit_many(kind, [request] * jobs)
        worker.wait_until(lambda: client.counts()[JobState.SUCCEEDED] == jobs + 1 and packed())
        return (_used_memory(server) - before) / jobs


def _is_packed(server: Server, prefix: str) -> bool:
    """Whether the logs of all jobs that have ended are packed: the elected worker does it within about a second."""
    return not server.client.exists(Keys(prefix).unpacked)


def _used_memory(server: Server) -> int:
    return int(server.client.info("memory")["used_memory"])

"""What tenants get of each other's workers: how long ten jobs wait behind a hundred thousand, and shares by weight.

Bodies wait between half and one and a half of their length, so that slots do not become free in step. Celery has one
line for all: it is measured behind a backlog that it clears in about 10 s, and scaled to the whole one.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Sequence
from functools import partial

from backdesk.client import JobClient
from backdesk.worker.model.tenancy import TenantSettings, tenant_scope
from backdesk.worker.settings import load_settings
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.scripts import run
from benchmarks.child import Child, MeasurementFailed
from benchmarks.contender import BACKDESK, CELERY, PREFIX, Contender, environment
from benchmarks.kinds import CHECKS
from benchmarks.line import Bound, Line
from benchmarks.plan import Plan
from benchmarks.rounds import Samples, Server, Turn, in_rounds
from benchmarks.runs import Run, now_s, runs_of

BACKLOG = 100_000
FEW = 10
#: How often a tenant comes with its few jobs, each time another one.
ARRIVALS = 5
JOB_S = 0.5
SLOTS = (16, 64)
#: Celery's backlog, in jobs a slot.
PEER_BACKLOG = 20
#: Waits of 50 jobs each: more repetitions would add minutes and no news.
REPEAT = 3
LONGEST_WAIT = Bound("value", "≤", 2)

SHARE_SLOTS = 16
#: Tenant to its weight and the mean length of its jobs in seconds: those of the one with the larger share are short.
WEIGHTS = {"light": (1, 0.6), "heavy": (3, 0.2)}
SETTLE_S, SHARED_S = 3.0, 20.0
#: Percent by which a tenant's running seconds may be off its share.
OFF = Bound("value", "≤", 5)


def fair_wait(plan: Plan) -> list[Line]:
    """Let a tenant come with 10 jobs while another has 100,000 queued: p95 of its waits in lengths of a job."""
    return [_wait_line(plan, slots) for slots in SLOTS]


def _wait_line(plan: Plan, slots: int) -> Line:
    backlog = plan.of(BACKLOG)
    turns = [
        Turn(BACKDESK.name, BACKDESK, partial(_our_wait, slots, backlog)),
        Turn(CELERY.name, CELERY, partial(_peers_wait, CELERY, slots, backlog)),
    ]
    samples: Samples[float] = in_rounds(turns, min(plan.repeat, REPEAT))
    return Line(
        "fair_wait",
        f"{FEW} jobs behind {backlog:,} of another tenant, {slots} slots: p95 of their waits",
        "job lengths",
        samples.taken[BACKDESK.name],
        f"{CELERY.name}, scaled",
        samples.taken[CELERY.name],
        bound=LONGEST_WAIT,
    )


def _our_wait(slots: int, backlog: int, server: Server) -> float:
    keys = Keys(PREFIX)
    with _client(server) as client:
        client.submit_many("bench.wait", _bodies(backlog, JOB_S), tenant="many")
        with Child(BACKDESK.worker(slots), environment(server.url)) as worker:
            worker.wait_until(lambda: int(server.client.zcard(keys.state("succeeded"))) >= 3 * slots)
            waits = [wait for each in range(ARRIVALS) for wait in _waits(server, client, worker, f"few-{each}")]
            if not server.client.zcard(keys.line("agents", "many", "bench.wait")):
                raise MeasurementFailed("the backlog was gone before the last tenant came")
            worker.kill()
    return statistics.quantiles(waits, n=100, method="inclusive")[94] / JOB_S


def _waits(server: Server, client: JobClient, worker: Child, tenant: str) -> list[float]:
    time.sleep(random.uniform(0, JOB_S))
    ids = [job.id for job in client.submit_many("bench.wait", _bodies(FEW, JOB_S), tenant=tenant)]
    worker.wait_until(lambda: all(each.ended_s for each in runs_of(server, ids)))
    return [wait for each in runs_of(server, ids) if (wait := each.waited_s) is not None]


def _peers_wait(peer: Contender, slots: int, backlog: int, server: Server) -> float:
    """Return when the last of the few begins; scaled from the jobs that stood before them."""
    surroundings = environment(server.url) | {"BENCH_WAIT_S": str(JOB_S)}
    peer.submit(server.url, "fill", slots * PEER_BACKLOG, "wait")
    with Child(peer.worker(slots), surroundings) as worker:
        worker.wait_until(lambda: peer.left(server.client, 0) <= slots * (PEER_BACKLOG - 3))
        peer.submit(server.url, "fill", FEW, "wait")
        before, began = peer.left(server.client, 0) - FEW, time.perf_counter()
        worker.wait_until(lambda: peer.left(server.client, 0) <= 0)
        waited_s = time.perf_counter() - began
        worker.kill()
    return waited_s * backlog / before / JOB_S


def fair_share(plan: Plan) -> list[Line]:
    """Let tenants of weights 1 and 3 compete, with jobs of different lengths: their shares of the running seconds."""
    samples = in_rounds([Turn(BACKDESK.name, BACKDESK, partial(_off_share, plan))], plan.repeat)
    title = f"weights 1:3, {SHARE_SLOTS} slots: running seconds off the share"
    return [Line("fair_share", title, "%", samples.taken[BACKDESK.name], bound=OFF)]


def _off_share(plan: Plan, server: Server) -> float:
    """Return by how many percent the tenant farthest from its share is off it."""
    keys = Keys(PREFIX)
    shared_s = SHARED_S if plan.divisor == 1 else SHARED_S / 2
    with _client(server) as client:
        _set_weights(server)
        ids = {
            tenant: [
                job.id
                for job in client.submit_many("bench.wait", _bodies(_enough(shared_s, length), length), tenant=tenant)
            ]
            for tenant, (_, length) in WEIGHTS.items()
        }
        with Child(BACKDESK.worker(SHARE_SLOTS), environment(server.url)) as worker:
            worker.wait_until(lambda: int(server.client.zcard(keys.leases)) == SHARE_SLOTS)
            time.sleep(SETTLE_S)
            begin_s = now_s(server)
            time.sleep(shared_s)
            end_s = now_s(server)
            if not all(server.client.zcard(keys.line("agents", tenant, "bench.wait")) for tenant in WEIGHTS):
                raise MeasurementFailed("a tenant had nothing left to run")
            ran_s = {tenant: _ran_s(runs_of(server, mine), begin_s, end_s) for tenant, mine in ids.items()}
            worker.kill()
    whole_s, whole = sum(ran_s.values()), sum(weight for weight, _ in WEIGHTS.values())
    return max(abs(ran_s[name] / whole_s / (weight / whole) - 1) * 100 for name, (weight, _) in WEIGHTS.items())


def _enough(shared_s: float, length_s: float) -> int:
    """Return as many jobs as all slots together could not run."""
    return round(2 * SHARE_SLOTS * (shared_s + SETTLE_S) / length_s)


def _set_weights(server: Server) -> None:
    transitions = Transitions(load_settings(redis_url=server.url, prefix=PREFIX))
    for tenant, (weight, _) in WEIGHTS.items():
        settings = TenantSettings(weight=weight)
        run(server.client, transitions.configure(tenant_scope(tenant), settings.policy, tenant, settings.stored))


def _ran_s(runs: Sequence[Run], begin_s: float, end_s: float) -> float:
    """Return the seconds that jobs ran within a time."""
    return sum(
        max(0.0, min(each.ended_s or end_s, end_s) - max(each.began_s, begin_s))
        for each in runs
        if each.began_s is not None
    )


def _bodies(count: int, mean_s: float) -> list[dict[str, float]]:
    return [{"seconds": round(random.uniform(0.5, 1.5) * mean_s, 3)} for _ in range(count)]


def _client(server: Server) -> JobClient:
    return JobClient(settings=load_settings(redis_url=server.url, prefix=PREFIX), checks=CHECKS)

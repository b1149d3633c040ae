"""Whether what a submit and a dispatch cost grows with the number of jobs that are queued.

Two servers stand beside each other, one with a thousand queued jobs and one with a million; the same calls go to both
in turn, in small batches, so that a slow moment of the machine hits both. Each batch submits as many jobs as it
dispatches: no queue gets longer or shorter. What Redis spends is what it counts for scripts (`INFO commandstats`).

Dispatch is what it takes to use a slot: a claim, which also picks the next job for delivery, and the attempt's end.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import count, cycle

from backdesk.client import JobClient
from backdesk.worker.model.job import Claim, Succeeded, Usage
from backdesk.worker.settings import celery_queue, load_settings
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.scripts import run
from benchmarks.child import MeasurementFailed, ask
from benchmarks.contender import BACKDESK, PREFIX, Command, environment
from benchmarks.kinds import CHECKS
from benchmarks.line import Bound, Line
from benchmarks.plan import Plan
from benchmarks.rounds import Server, fresh_server

DEEP, DEEP_TENANTS = 1_000_000, 1_000
#: So many tenants that an end and the delivery after it are of two, as beside a million. Of ten they are mostly of one,
#: of which a script reads things once, and a job costs a ninth less for that alone.
SHALLOW, SHALLOW_TENANTS = 1_000, 100
#: Calls of one kind one after the other, no more than are delivered at once.
BATCH = 50
BATCHES = 40
FILLERS = 2
SLOTS = 64
QUEUE = "agents"
#: At most 1.3 times the cost: the figure at a thousand divided by that at a million.
GROWTH = Bound("ratio", "≥", round(1 / 1.3, 2))
MEMORY = Bound("value", "≤", 2048)


@dataclass(slots=True)
class Cost:
    """Of one call, in µs, a value for each batch: what Redis spent on it, and by the clock of its caller."""

    server_us: list[float] = field(default_factory=list)
    wall_us: list[float] = field(default_factory=list)

    def __add__(self, other: Cost) -> Cost:
        """Return what both cost together."""
        pairs = zip(self.server_us, other.server_us, strict=True), zip(self.wall_us, other.wall_us, strict=True)
        return Cost(*([*map(sum, each)] for each in pairs))


class Depth:
    """A server with queued jobs, and a fleet of 64 slots that is announced and whose part is played here."""

    bytes_a_job = 0.0

    def __init__(self, server: Server, tenants: int) -> None:
        settings = load_settings(redis_url=server.url, prefix=PREFIX)
        self._redis = server.client
        self._transitions = Transitions(settings)
        self._deliveries = celery_queue(PREFIX, QUEUE)
        self._client = JobClient(settings=settings, checks=CHECKS)
        self._tenants = cycle(f"tenant-{n}" for n in range(tenants))
        self._tokens = count()
        run(self._redis, self._transitions.announce("bench", 3_600_000, {"slots": {QUEUE: SLOTS}}))
        self.begin()
        self.batch()  # warms connections and scripts

    @classmethod
    def filled(cls, server: Server, jobs: int, tenants: int) -> Depth:
        """Queue so many jobs on an empty server first."""
        before = _memory(server)
        _fill(server, jobs, tenants)
        bytes_a_job = (_memory(server) - before) / jobs
        made = cls(server, tenants)
        made.bytes_a_job = bytes_a_job
        return made

    def begin(self) -> None:
        """Forget what was measured."""
        self.submits, self.dispatches = Cost(), Cost()

    def batch(self) -> None:
        """Submit some jobs and dispatch as many."""
        self._timed(self.submits, [self._submit] * BATCH)
        ids = [self._delivered() for _ in range(BATCH)]
        self._timed(self.dispatches, [partial(self._dispatch, job_id) for job_id in ids])

    def close(self) -> None:
        self._client.close()

    def _timed(self, cost: Cost, acts: Sequence[Callable[[], None]]) -> None:
        spent_us, began = self._spent_us(), time.perf_counter()
        for act in acts:
            act()
        cost.wall_us.append((time.perf_counter() - began) / len(acts) * 1e6)
        cost.server_us.append((self._spent_us() - spent_us) / len(acts))

    def _submit(self) -> None:
        self._client.submit("bench.noop", {"n": 1}, tenant=next(self._tenants))

    def _delivered(self) -> str:
        message = self._redis.rpop(self._deliveries)
        if not isinstance(message, bytes):
            raise MeasurementFailed("nothing is delivered although jobs are queued and slots are free")
        return str(json.loads(message)["properties"]["correlation_id"])

    def _dispatch(self, job_id: str) -> None:
        claim = run(self._redis, self._transitions.claim(job_id, "bench", f"token-{next(self._tokens)}"))
        if not isinstance(claim, Claim):
            raise MeasurementFailed(f"the claim of the queued job {job_id} was refused")
        run(self._redis, self._transitions.end(claim, Succeeded(b'{"n":1}'), Usage()))

    def _spent_us(self) -> float:
        return float(self._redis.info("commandstats").get("cmdstat_evalsha", {}).get("usec", 0))


def _memory(server: Server) -> int:
    return int(server.client.info("memory")["used_memory"])


def _fill(server: Server, jobs: int, tenants: int) -> None:
    """Queue jobs, as many for each tenant, by several processes."""
    command: Command = [BACKDESK.python(), "-m", "benchmarks.filler", str(tenants), str(jobs // tenants), str(FILLERS)]
    with ThreadPoolExecutor(FILLERS) as pool:
        list(pool.map(lambda part: ask([*command, str(part)], environment(server.url)), range(FILLERS)))


@dataclass(slots=True)
class Comparison:
    """What calls cost with many jobs queued and with few, a pair for each repetition."""

    submits: list[tuple[Cost, Cost]] = field(default_factory=list)
    dispatches: list[tuple[Cost, Cost]] = field(default_factory=list)

    @property
    def jobs(self) -> list[tuple[Cost, Cost]]:
        """All that one job takes: its submit and its dispatch."""
        pairs = zip(self.submits, self.dispatches, strict=True)
        return [(submit[0] + dispatch[0], submit[1] + dispatch[1]) for submit, dispatch in pairs]

    def lines(self, queued: int) -> list[Line]:
        """What Redis spends on a job and on its parts, and what they cost their caller."""
        parts = {"a submit": self.submits, "a dispatch (claim, end)": self.dispatches}
        parts["a job (submit, claim, end)"] = self.jobs
        return [line for what, costs in parts.items() for line in _lines(f"{what} with {queued:,} queued", costs)]


def compared(plan: Plan, deep: Depth) -> Comparison:
    """Make the same calls there, and where 1,000 jobs of 100 tenants are queued."""
    comparison, batches = Comparison(), plan.of(BATCHES)
    with fresh_server() as small:
        shallow = Depth.filled(small, SHALLOW, SHALLOW_TENANTS)
        for repetition in range(plan.repeat):
            print(f"  {repetition + 1}/{plan.repeat}", file=sys.stderr)
            for side in (shallow, deep):
                side.begin()
            for _ in range(batches):
                deep.batch()
                shallow.batch()
            comparison.submits.append((deep.submits, shallow.submits))
            comparison.dispatches.append((deep.dispatches, shallow.dispatches))
        shallow.close()
    return comparison


def depth(plan: Plan) -> list[Line]:
    """Submit and dispatch with 1,000,000 jobs of 1,000 tenants queued, beside 1,000 of 100; memory of a queued job."""
    jobs = plan.of(DEEP)
    with fresh_server() as server:
        print(f"  queueing {jobs:,} jobs", file=sys.stderr)
        deep = Depth.filled(server, jobs, DEEP_TENANTS)
        comparison = compared(plan, deep)
        deep.close()
    return [
        *comparison.lines(jobs),
        Line("depth", f"Redis memory of a queued job, of {jobs:,}", "bytes", [deep.bytes_a_job], bound=MEMORY),
    ]


def _lines(title: str, costs: Sequence[tuple[Cost, Cost]]) -> list[Line]:
    def line(what: str, values: Callable[[Cost], list[float]]) -> Line:
        deep, shallow = ([statistics.median(values(pair[side])) for pair in costs] for side in (0, 1))
        return Line("depth", f"{title}, {what}", "µs", deep, f"with {SHALLOW:,}", shallow, bound=GROWTH)

    return [
        line("in Redis", lambda cost: cost.server_us),
        line("for its caller", lambda cost: cost.wall_us),
    ]

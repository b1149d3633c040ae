"""What a page of a list costs where there are 100,000 jobs, by each filter that has an index, and by one that has none.

Half of the jobs have ended. One in a thousand is of a rare kind, of a small tenant, or has failed with a rare code, and
these are the oldest: without an index all others would be looked at first.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from backdesk.client import JobClient, JobState
from backdesk.worker.failure import Failure
from backdesk.worker.model.job import Claim, Failed, Succeeded, Usage
from backdesk.worker.settings import load_settings
from backdesk.worker.store.jobs import NewJob, Transitions
from backdesk.worker.store.scripts import run_pipelined
from benchmarks.contender import PREFIX
from benchmarks.line import Bound, Line
from benchmarks.plan import Plan
from benchmarks.rounds import Server, fresh_server

JOBS, RARE_OF, TENANTS = 100_000, 1000, 100
#: Jobs that are written, run and ended together, and such in one call.
AT_ONCE, A_CALL = 1000, 50
QUEUE, USUAL, RARE = "agents", "bench.noop", "bench.rare"
#: What a page may take, for who asks for it. ms.
LONGEST_MS = Bound("value", "≤", 20.0)

FILTERS: dict[str, dict[str, Any]] = {
    "all": {},
    "a state": {"state": JobState.QUEUED},
    "a tenant": {"tenant": "rare"},
    "a rare kind": {"kind": RARE},
    "queued, a rare kind": {"state": JobState.QUEUED, "kind": RARE},
    "succeeded, a rare kind": {"state": JobState.SUCCEEDED, "kind": RARE},
    "queued, a small tenant": {"state": JobState.QUEUED, "tenant": "rare"},
    "failed, a small tenant": {"state": JobState.FAILED, "tenant": "rare"},
    "failed with a rare code": {"code": "rare"},
    "rows of failed with a code": {"code": "usual", "fields": "row"},
}
#: Looks through 2,000 jobs, and tells that there may be more.
UNINDEXED = {"tenant": "tenant-1", "kind": RARE}


class Shelf:
    """A server with so many jobs of many tenants."""

    def __init__(self, server: Server, jobs: int) -> None:
        settings = load_settings(_env_file=None, redis_url=server.url, prefix=PREFIX)
        self._redis, self._transitions = server.client, Transitions(settings)
        self._written = 0
        self.client = JobClient(settings=settings)
        rare = max(jobs // RARE_OF, 10)
        self._run(rare, self._failing("rare"), tenant="rare")
        self._run(rare, self._ending, kind=RARE)
        self._submit(rare, kind=RARE)
        self._submit(rare, tenant="rare")
        self._run(jobs // 4, self._ending)
        self._run(jobs // 4, self._failing("usual"))
        self._submit(jobs // 2)

    def _submit(self, jobs: int, tenant: str = "", kind: str = USUAL) -> list[NewJob]:
        new = [self._new(self._written + number, tenant, kind) for number in range(jobs)]
        self._written += jobs
        parts = [new[at : at + A_CALL] for at in range(0, jobs, A_CALL)]
        for at in range(0, len(parts), A_CALL):
            run_pipelined(self._redis, [self._transitions.submit(part) for part in parts[at : at + A_CALL]])
        return new

    def _new(self, number: int, tenant: str, kind: str) -> NewJob:
        request = b'{"id":"c-%d","message":"I want to return order %d"}' % (number, number)
        return NewJob(f"job-{number:06}", kind, tenant or f"tenant-{number % TENANTS}", QUEUE, 5, request, str(number))

    def _run(self, jobs: int, end: Callable[[Claim], Any], tenant: str = "", kind: str = USUAL) -> None:
        """Submit jobs, and run each as soon as it is delivered: the window is kept wide enough for all of them."""
        run_pipelined(self._redis, [self._transitions.announce("bench", 3_600_000, {"slots": {QUEUE: 2 * AT_ONCE}})])
        for at in range(0, jobs, AT_ONCE):
            ids = [job.id for job in self._submit(min(AT_ONCE, jobs - at), tenant, kind)]
            claims = run_pipelined(self._redis, [self._transitions.claim(job_id, "bench", job_id) for job_id in ids])
            run_pipelined(self._redis, [end(claim) for claim in claims if isinstance(claim, Claim)])

    def _ending(self, claim: Claim) -> Any:
        return self._transitions.end(claim, Succeeded(b'{"n":1}'), Usage())

    def _failing(self, code: str) -> Callable[[Claim], Any]:
        failed = Failed(Failure(code=code, message="it broke"))
        return lambda claim: self._transitions.end(claim, failed, Usage())


def lists(plan: Plan) -> list[Line]:
    """A page of 50 jobs out of 100,000, by each filter, for who asks for it."""
    jobs, pages = plan.of(JOBS), 5 * plan.repeat
    with fresh_server() as server:
        print(f"  writing {jobs:,} jobs", file=sys.stderr)
        shelf = Shelf(server, jobs)
        taken = {name: _timed(shelf.client, filters, pages) for name, filters in FILTERS.items()}
        looking = _timed(shelf.client, UNINDEXED, pages)
        shelf.client.close()
    lines = [_line(f"of {jobs:,} jobs: {name}", samples, LONGEST_MS) for name, samples in taken.items()]
    return [*lines, _line("2,000 jobs looked at: a tenant's of a rare kind", looking, None)]


def _timed(client: JobClient, filters: dict[str, Any], pages: int) -> Sequence[float]:
    client.list(**filters)  # loads the script
    samples = []
    for _ in range(pages):
        began = time.perf_counter()
        client.list(**filters)
        samples.append((time.perf_counter() - began) * 1000)
    return samples


def _line(title: str, samples: Sequence[float], bound: Bound | None) -> Line:
    return Line("lists", title, "ms", [*samples], bound=bound)

"""What happens to a deployment of this size, one scene after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from backdesk.client import JobClient, JobState
from backdesk.worker.services.maintenance import Maintenance
from backdesk.worker.settings import Settings
from backdesk.worker.store.jobs import NewJob, Transitions
from backdesk.worker.store.scripts import run, run_pipelined
from benchmarks.depth import Comparison, Depth, compared
from benchmarks.plan import Plan
from benchmarks.rounds import Server
from benchmarks.scale.fleet import KIND, QUEUE, Fleet, in_batches
from benchmarks.scale.pauses import PauseLog

#: Jobs of a tenant in one call, as of a producer that has many.
AT_ONCE = 20
#: Attempts whose workers die, jobs that are done, and jobs of one conversation.
LOST, DONE, CONVERSATION = 5_000, 20_000, 50_000
#: The tenant of the conversation.
TALKER = "talker"
#: How often it is measured what a job costs.
COMPARISONS = 3
#: Looks of the leader at what limits hold, after a change of limits.
LOOKS = 40

#: Pages of each list, one after the other. Of a rare kind of a tenant with many jobs 2,000 are looked at each time.
PAGES = 20
LISTS: tuple[dict[str, Any], ...] = (
    {},
    {"state": JobState.QUEUED},
    {"state": JobState.SUCCEEDED, "fields": "row"},
    {"kind": KIND},
    {"state": JobState.QUEUED, "kind": KIND},
    {"tenant": "tenant-0"},
    {"tenant": TALKER, "state": JobState.CANCELLED},
    {"tenant": TALKER, "kind": "bench.rare"},
)

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Size:
    """How large the deployment is."""

    workers: int
    tenants: int
    jobs: int


class Deployment:
    """One Redis, the fleet on it, and a leader."""

    def __init__(self, server: Server, settings: Settings, size: Size) -> None:
        self.size = size
        #: What a job costs with so many queued, and with few.
        self.comparison = Comparison()
        self._server = server
        self._client = client = server.client
        self._settings = settings
        self._transitions = Transitions(settings)
        self._fleet = Fleet(client, settings, size.workers)
        self._leader = Maintenance("leader", client, settings)
        self._jobs = JobClient(settings=settings)
        self._numbers = count()
        self._done = min(DONE, size.jobs // 2)  # some must be left, for what a job costs while others are queued

    def play(self, pauses: PauseLog, tell: Tell) -> None:
        """Play every scene, each watched by itself."""
        for name, scene in self._scenes():
            tell(name)
            with pauses.scene(name):
                scene()

    def close(self) -> None:
        self._jobs.close()

    def _scenes(self) -> Iterator[tuple[str, Callable[[], None]]]:
        size = self.size
        yield f"{size.workers:,} workers announce themselves", self._fleet.announce
        yield "a queue is paused", lambda: self._pause(True)
        yield f"{size.jobs:,} jobs of {size.tenants:,} tenants are submitted", self._fill
        yield "the workers announce themselves again", self._fleet.announce
        yield "the queue is resumed", lambda: self._pause(False)
        yield f"{self._done:,} jobs are done", self._work
        yield "jobs are submitted and done one by one", self._compare
        yield "rounds of maintenance", self._maintain
        yield f"{LOST:,} attempts are lost with their workers", self._lose
        yield f"a conversation of {CONVERSATION:,} jobs", self._talk
        yield "it is interrupted", self._interrupt
        yield "pages of lists", self._list
        yield "the workers leave", lambda: self._fleet.announce(leaving=True)
        yield "what has ended is forgotten", self._forget

    def _fill(self) -> None:
        tenants, each = self.size.tenants, self.size.jobs // self.size.tenants
        wishes = (f"tenant-{n % tenants}" for n in range(tenants * max(1, each // AT_ONCE)))
        many = ([self._new(tenant) for _ in range(min(AT_ONCE, each))] for tenant in wishes)
        for batches in in_batches(many):
            run_pipelined(self._client, [self._transitions.submit(jobs) for jobs in batches])

    def _new(self, tenant: str, conversation: str = "", when_busy: str = "enqueue") -> NewJob:
        job_id = f"job-{next(self._numbers)}"
        return NewJob(job_id, KIND, tenant, QUEUE, 5, b"{}", job_id, conversation=conversation, when_busy=when_busy)

    def _pause(self, paused: bool) -> None:
        self._jobs.limits.jobs.set(queue=QUEUE, max_running=0 if paused else "default")
        for _ in range(LOOKS):
            self._leader.pace()

    def _work(self) -> None:
        self._fleet.work(self._done)

    def _compare(self) -> None:
        deep = Depth(self._server, self.size.tenants)
        self.comparison = compared(Plan(COMPARISONS), deep)
        deep.close()

    def _maintain(self) -> None:
        for _ in range(10):
            self._leader.tick()

    def _lose(self) -> None:
        self._fleet.claim(LOST)
        time.sleep(self._settings.lease_s * 1.2)
        self._maintain()

    def _talk(self) -> None:
        for jobs in in_batches(self._new(TALKER, "talk") for _ in range(CONVERSATION)):
            run(self._client, self._transitions.submit(jobs))

    def _interrupt(self) -> None:
        run(self._client, self._transitions.submit([self._new(TALKER, "talk", "interrupt")]))
        self._maintain()

    def _list(self) -> None:
        for filters in LISTS:
            cursor = None
            for _ in range(PAGES):
                page = self._jobs.list(**filters, cursor=cursor)
                cursor = page.cursor

    def _forget(self) -> None:
        after_s = time.time() + 2 * self._settings.retention_s
        later = Transitions(self._settings, lambda: round(after_s * 1000))
        while run(self._client, later.prune()):
            pass

"""What goes on in a deployment at one moment: queues, tenants, workers, services, limits and schedules.

The work of one look is bounded, however many jobs there are: lines are found by way of their lanes, of many tenants the
busiest are told, and how many jobs end is measured on the newest of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from backdesk.client.operations.deployment import DeploymentOperations
from backdesk.client.operations.job_limits import JobLimitOperations, JobLimitStatus
from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.lines import Line, Lines, read_lines
from backdesk.client.operations.live_workers import LiveWorkers
from backdesk.client.operations.operation import Commands, Operation
from backdesk.client.operations.pauses import PauseOperations, PauseStatus
from backdesk.client.operations.schedules import ScheduleOperations
from backdesk.client.operations.service_limits import ServiceLimitOperations
from backdesk.client.operations.tenants import TenantOperations, TenantStatus
from backdesk.client.operations.unserved import Places, UnservedJobs, read_stranded, unserved
from backdesk.worker.model.deployment import MaintenanceNotice
from backdesk.worker.model.health import WorkerFacts
from backdesk.worker.model.job import TERMINAL, JobState
from backdesk.worker.model.schedule import ScheduleRecord
from backdesk.worker.model.service import BreakerStatus, LimitStatus
from backdesk.worker.model.tenancy import scope_of, tenant_scope
from backdesk.worker.store.calls import text
from backdesk.worker.store.moments import moment

#: How many jobs end is measured over this time, and on so many of them at most. Seconds.
WINDOW_S = 30
SAMPLE = 300
#: Jobs asked for in one command.
_AT_ONCE = 500


class QueueStatus(BaseModel):
    """A queue: jobs that are queued, those of them that are delivered to Celery and not taken yet, and that run.

    `tenants` is how many have jobs in line, `slots` those of live workers. `ended_per_s` is over the last half minute,
    `average_s` the moving average of an attempt, `longest_wait_s` the longest of those that are next in their lines;
    None while there is none.
    """

    model_config = ConfigDict(frozen=True)

    queue: str
    queued: int = 0
    tenants: int = 0
    delivered: int = 0
    running: int = 0
    slots: int = 0
    ended_per_s: float = 0.0
    average_s: float | None = None
    longest_wait_s: float | None = None


class TenantLoad(TenantStatus):
    """A tenant, its share of what runs now (0 to 1), and how many of its jobs end a second, over half a minute."""

    ended_per_s: float = 0.0
    share: float = 0.0


class Overview(BaseModel):
    """What goes on. `tenants` are the busiest, `schedules` those that fire next; how many others there are is told.

    `behind` counts queued jobs that no queue counts: another one of their conversation has its turn.
    """

    model_config = ConfigDict(frozen=True)

    at: datetime
    states: dict[JobState, int]
    ended_per_s: float
    behind: int
    queues: list[QueueStatus]
    unserved: list[UnservedJobs]
    tenants: list[TenantLoad]
    tenants_left_out: int
    workers: list[WorkerFacts]
    breakers: list[BreakerStatus]
    job_limits: list[JobLimitStatus]
    service_limits: list[LimitStatus]
    schedules: list[ScheduleRecord]
    schedules_left_out: int
    #: None while there is no maintenance.
    maintenance: MaintenanceNotice | None = None
    #: Also the services that are kept from being called by hand.
    pauses: list[PauseStatus] = []


@dataclass(frozen=True, slots=True)
class _Moment:
    """What is read first."""

    now_ms: int
    flow: dict[str, float]
    workers: list[WorkerFacts]
    stranded: Places
    states: dict[JobState, int]
    #: The newest jobs that ended, with the ms, newest first.
    ended: list[tuple[str, int]]

    @property
    def slots(self) -> Counter[str]:
        """The slots of live workers, by queue."""
        slots: Counter[str] = Counter()
        for worker in self.workers:
            slots.update({} if worker.draining else worker.slots)
        return slots

    @property
    def stranded_in(self) -> Counter[str]:
        """How many jobs no worker knew the kind of, by queue."""
        return sum((Counter({queue: jobs}) for (queue, _), jobs in self.stranded.items()), Counter[str]())

    def taken(self, scope: str) -> int:
        """The slots that the jobs of a scope take that are delivered or run."""
        return round(self.flow.get(scope, 0))

    def busy(self, queue: str) -> int:
        """How many jobs of a queue are delivered or run."""
        return self.taken(scope_of(queue=queue)) - self.taken(f"surplus {queue}")


@dataclass(frozen=True, slots=True)
class _Ends:
    """How many jobs ended a second, by queue and by tenant."""

    queues: Counter[str]
    tenants: Counter[str]
    seconds: float

    def of(self, counted: int) -> float:
        return round(counted / self.seconds, 3)


class OverviewOperations:
    """The operation that looks at everything."""

    def __init__(self, core: JobOperations) -> None:
        self._core = core

    def read(self, most_tenants: int, most_schedules: int) -> Operation[Overview]:
        """Look at everything. Not atomic; about twenty round trips."""
        at = yield from self._moment()
        names = sorted({*self._core.settings.queues, *at.slots, *at.stranded_in, *_names(at.flow, "queue")})
        lines = yield from read_lines(self._core, names)
        ends = yield from self._ends(at)
        queues = yield from self._queues(names, at, lines, ends)
        queued = {queue.queue: queue.queued for queue in queues}
        tenants, left_out = yield from self._tenants(at, lines, ends, most_tenants)
        schedules, more_schedules = yield from ScheduleOperations(self._core).soonest(most_schedules)
        services = ServiceLimitOperations(self._core)
        breakers = yield from services.breakers()
        return Overview(
            at=moment(at.now_ms),
            states=at.states,
            ended_per_s=ends.of(ends.tenants.total()),
            behind=0 if lines.left_out else max(at.states[JobState.QUEUED] - sum(queued.values()), 0),
            queues=queues,
            unserved=unserved(LiveWorkers.of(at.workers), queued, lines.lines, at.stranded),
            tenants=tenants,
            tenants_left_out=left_out,
            workers=at.workers,
            breakers=breakers,
            job_limits=(yield from JobLimitOperations(self._core).list()),
            service_limits=(yield from services.list()),
            schedules=schedules,
            schedules_left_out=more_schedules,
            maintenance=(yield from DeploymentOperations(self._core).maintenance()),
            pauses=(yield from PauseOperations(self._core).beside(breakers)),
        )

    def _moment(self) -> Operation[_Moment]:
        keys = self._core.keys
        ((seconds, micros),) = yield Commands([("TIME",)])
        now_ms = int(seconds) * 1000 + int(micros) // 1000
        since = now_ms - WINDOW_S * 1000
        flow, *replies = yield Commands(
            [
                ("HGETALL", keys.flow),
                *(("ZCARD", keys.state(state)) for state in JobState),
                *(
                    ("ZREVRANGEBYSCORE", keys.state(state), "+inf", since, "WITHSCORES", "LIMIT", 0, SAMPLE)
                    for state in sorted(TERMINAL)
                ),
            ]
        )
        ended = [(text(job_id), int(score)) for pairs in replies[len(JobState) :] for job_id, score in pairs]
        ended.sort(key=lambda pair: -pair[1])
        return _Moment(
            now_ms=now_ms,
            flow={text(name): float(value) for name, value in flow.items()},
            workers=(yield from self._core.workers()),
            stranded=(yield from read_stranded(self._core)),
            states=dict(zip(JobState, replies, strict=False)),
            ended=ended[:SAMPLE],
        )

    def _ends(self, at: _Moment) -> Operation[_Ends]:
        if not at.ended:
            return _Ends(Counter(), Counter(), WINDOW_S)
        keys = self._core.keys
        found = yield Commands([("HMGET", keys.job(job_id), "queue", "tenant") for job_id, _ in at.ended])
        seconds: float = WINDOW_S
        if len(at.ended) == SAMPLE:  # there were more than are looked at: they are of a shorter time
            seconds = max((at.now_ms - at.ended[-1][1]) / 1000, 0.001)
        queues = Counter(text(queue or b"") for queue, _ in found)
        return _Ends(queues, Counter(text(tenant or b"") for _, tenant in found), seconds)

    def _queues(self, names: Sequence[str], at: _Moment, lines: Lines, ends: _Ends) -> Operation[list[QueueStatus]]:
        windows = yield Commands([("ZCARD", self._core.keys.window(queue)) for queue in names])
        since = yield from self._queued_since([line.head for line in lines.lines])
        return [
            QueueStatus(
                queue=queue,
                queued=sum(line.waiting for line in its) + delivered + at.stranded_in[queue],
                tenants=len({line.tenant for line in its}),
                delivered=delivered,
                running=max(at.busy(queue) - delivered, 0),
                slots=at.slots[queue],
                ended_per_s=ends.of(ends.queues[queue]),
                average_s=at.flow.get(f"seconds {queue}"),
                longest_wait_s=_wait_s([since[line.head] for line in its if line.head in since], at.now_ms),
            )
            for queue, delivered in zip(names, windows, strict=True)
            for its in [[line for line in lines.lines if line.queue == queue]]
        ]

    def _queued_since(self, ids: Sequence[str]) -> Operation[dict[str, float]]:
        """Return since when jobs are queued, in ms, for those that are."""
        if not ids:
            return {}
        parts = [ids[at : at + _AT_ONCE] for at in range(0, len(ids), _AT_ONCE)]
        replies = yield Commands([("ZMSCORE", self._core.keys.state(JobState.QUEUED), *part) for part in parts])
        scores = [score for reply in replies for score in reply]
        return {job_id: float(score) for job_id, score in zip(ids, scores, strict=True) if score is not None}

    def _tenants(self, at: _Moment, lines: Lines, ends: _Ends, most: int) -> Operation[tuple[list[TenantLoad], int]]:
        waiting: Counter[str] = Counter()
        for line in lines.lines:
            waiting[line.tenant] += line.waiting
        busy = {*_names(at.flow, "tenant"), *waiting, *ends.tenants} - {""}
        ordered = sorted(
            busy, key=lambda name: (-at.taken(tenant_scope(name)), -waiting[name], -ends.tenants[name], name)
        )
        chosen = ordered[:most]
        its: list[Line] = [line for line in lines.lines if line.tenant in set(chosen)]
        statuses = yield from TenantOperations(self._core).statuses([*chosen], its)
        running = sum(at.taken(tenant_scope(name)) for name in busy) or 1
        loads = [
            TenantLoad(
                **_fields(status) | {"running": at.taken(tenant_scope(status.tenant))},
                ended_per_s=ends.of(ends.tenants[status.tenant]),
                share=round(at.taken(tenant_scope(status.tenant)) / running, 3),
            )
            for status in statuses
        ]
        return loads, len(ordered) - len(chosen) + lines.left_out


def _fields(status: TenantStatus) -> dict[str, Any]:
    return {name: getattr(status, name) for name in TenantStatus.model_fields}


def _names(flow: dict[str, float], sort: str) -> list[str]:
    return [name.split()[1] for name, value in flow.items() if name.startswith(f"{sort} ") and value > 0]


def _wait_s(since: Sequence[float], now_ms: int) -> float | None:
    return round(max(now_ms - min(since), 0) / 1000, 3) if since else None

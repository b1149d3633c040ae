"""How long the jobs of a killed worker waited for their next attempt."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from backdesk.worker.model.events import EventType
from tests.chaos.evidence import Evidence, JobEvidence
from tests.chaos.hand import Dealt
from tests.chaos.plan import FaultKind

#: How long before and after it a fault of Redis counts as its neighbour.
NEAR_S = 10.0
OF_REDIS = {
    FaultKind.RESTART_REDIS,
    FaultKind.KILL_REDIS,
    FaultKind.FREEZE_REDIS,
    FaultKind.FAIL_OVER,
    FaultKind.STEP_CLOCK,
}


@dataclass(frozen=True, slots=True)
class Times:
    """A distribution, in seconds."""

    count: int
    p50: float
    p95: float
    longest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Times | None:
        """Return the times, or None when there are none."""
        if not values:
            return None
        ordered = sorted(values)
        at_95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
        return cls(len(ordered), round(statistics.median(ordered), 2), round(at_95, 2), round(ordered[-1], 2))


@dataclass(frozen=True, slots=True)
class Recovery:
    """From the kill to the next `started` of one job, and to the moment at which it was queued again for it.

    Between the two it waits for a slot. `calm` says that Redis was well meanwhile.
    """

    job_id: str
    seconds: float
    noticed_s: float
    calm: bool


def recoveries(evidence: Evidence, dealt: Iterable[Dealt]) -> list[Recovery]:
    """Return one for each job that a kill hit and that began again."""
    faults = [*dealt]
    outages = [fault.at for fault in faults if fault.kind in OF_REDIS]
    pids = {(row.job, row.attempt): row.pid for row in evidence.attempts}
    return [
        Recovery(
            job.id,
            again - kill.at,
            lost - kill.at,
            not any(kill.at - NEAR_S < outage < again for outage in outages),
        )
        for kill in faults
        if kill.is_kill
        for job in evidence.jobs.values()
        for lost, again in _again(job, kill, pids)
    ]


def _again(job: JobEvidence, kill: Dealt, pids: dict[tuple[str, int], int]) -> Iterator[tuple[float, float]]:
    """The moments at which a job was queued again and began again, if it was lost by this kill."""
    for event in job.events:
        lost = event.type == EventType.RETRYING and event.data.get("code") == "worker_lost"
        if lost and event.at.timestamp() > kill.at and pids.get((job.id, event.attempt)) in kill.pids:
            later = (each for each in job.events[event.seq :] if each.type == EventType.STARTED)
            yield from ((event.at.timestamp(), each.at.timestamp()) for each in itertools.islice(later, 1))

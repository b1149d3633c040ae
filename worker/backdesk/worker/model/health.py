"""The health of a worker: what it tells of itself, and the report that is made of that.

One set of facts and one report for everybody who asks: the announcement in Redis, the health file, the HTTP port and
the command line. Plain values; they are gathered in `backdesk.worker.services.worker_facts`.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

#: A hub without work turns about once a second. Seconds.
HUB_SILENT_S = 5.0
#: Leases are renewed every third of their length, and the store is written to every two seconds. Seconds.
SHORTEST_GRACE_S = 6.0
#: A health file is written every two seconds; an older one than this tells of a process that no longer can. Seconds.
FILE_STALE_S = 10.0


class WorkerFacts(BaseModel):
    """What a worker tells of itself. Spans in seconds, up to the moment of telling."""

    model_config = ConfigDict(frozen=True)

    name: str
    host: str = ""
    pid: int = 0
    version: str = "unknown"
    since: datetime | None = None
    queues: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    #: What it may do with jobs that others have begun, as `kind:version`; see `backdesk.worker.model.version`.
    versions: tuple[str, ...] = ()
    #: Jobs that it has in hand until it has the slots for them.
    gathering: tuple[str, ...] = ()
    #: How many slots it would have to have more, to run these beside those that it runs.
    lacking: int = 0
    #: How many jobs it runs at once, by queue.
    slots: dict[str, int] = Field(default_factory=dict)
    running: int = 0
    #: How late the event loop answers. That of a `prefork` worker's main process, which runs no job, is 0.
    loop_lag_s: float = 0
    #: Whether it takes what is delivered to it.
    consuming: bool = True
    #: Since Celery's loop last turned, and since it last took a delivery (None: never yet).
    ticked_s: float = 0
    consumed_s: float | None = None
    #: Since leases could last be renewed and the store be written to.
    renewed_s: float = 0
    #: It ends its jobs and takes no more.
    draining: bool = False
    lease_s: float = 8


def reasons_against(facts: WorkerFacts) -> list[str]:
    """Return why a worker is not well; empty when it is."""
    reasons = []
    if facts.loop_lag_s > facts.lease_s:
        reasons.append(f"loop stuck: it has not answered for {facts.loop_lag_s:.1f} s")
    if not facts.draining:
        if facts.ticked_s > HUB_SILENT_S:
            reasons.append(f"consuming stopped: Celery's loop has not turned for {facts.ticked_s:.1f} s")
        elif not facts.consuming:
            reasons.append("consuming stopped: deliveries stand in its queues while it has free slots")
    if facts.renewed_s > max(facts.lease_s, SHORTEST_GRACE_S):
        reasons.append(f"leases cannot be renewed: the store was last reached {facts.renewed_s:.1f} s ago")
    return reasons


class HealthReport(BaseModel):
    """Whether one worker is well: what the health file and the HTTP port tell."""

    model_config = ConfigDict(frozen=True)

    healthy: bool
    reasons: list[str]
    #: Seconds since 1970.
    at: float
    worker: WorkerFacts | None

    @classmethod
    def of(cls, facts: WorkerFacts, at: float) -> HealthReport:
        reasons = reasons_against(facts)
        return cls(healthy=not reasons, reasons=reasons, at=at, worker=facts)


def read_report(path: Path, now: float) -> HealthReport:
    """Return the report in a health file; one that is missing, old or broken gives a report, too."""
    try:
        report = HealthReport.model_validate_json(path.read_bytes())
    except OSError as error:
        return _unhealthy(f"no health file: {error}", now)
    except ValidationError:
        return _unhealthy(f"{path} is no health file", now)
    if (age_s := now - report.at) > FILE_STALE_S:
        reason = f"the worker is gone or frozen: it last wrote {path} {age_s:.0f} s ago"
        return report.model_copy(update={"healthy": False, "reasons": [reason, *report.reasons]})
    return report


def _unhealthy(reason: str, now: float) -> HealthReport:
    return HealthReport(healthy=False, reasons=[reason], at=now, worker=None)

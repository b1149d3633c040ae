"""What a job is: its states, its record, and how an attempt at it can end. Plain values, no Redis."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints

from worker.failure import Failure


class JobState(StrEnum):
    """Where a job stands. `TRANSITIONS` says where it may go from there."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


TERMINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED})
ACTIVE = frozenset(JobState) - TERMINAL
#: Not yet begun, so that it can be withdrawn without asking anybody.
PENDING = frozenset({JobState.SCHEDULED, JobState.QUEUED})

#: The legal transitions. A state that is missing as a key is final.
TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.SCHEDULED: frozenset({JobState.QUEUED, JobState.CANCELLED, JobState.EXPIRED}),
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED, JobState.EXPIRED}),
    JobState.RUNNING: frozenset(
        {
            JobState.SUCCEEDED,
            JobState.FAILED,
            JobState.CANCELLED,
            JobState.SCHEDULED,
            JobState.QUEUED,
            JobState.WAITING,
        }
    ),
    JobState.WAITING: frozenset({JobState.QUEUED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED}),
}

#: Names are safe inside Redis keys, channels, shells and URLs.
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}$"
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]

DEFAULT_TENANT = "default"
#: 0 to 9; a job of a higher priority runs before one of a lower within the same tenant.
DEFAULT_PRIORITY = 5
MAX_PRIORITY = 9


class Usage(BaseModel):
    """What a job has consumed of the model so far."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    tool_calls: int = 0


class JobRecord(BaseModel):
    """A job as the store knows it at one moment. Times are in UTC."""

    model_config = ConfigDict(frozen=True)

    id: str
    kind: str
    tenant: str
    queue: str
    state: JobState
    priority: int
    attempt: int
    request: Any
    metadata: dict[str, Any] = {}
    result: Any = None
    error: Failure | None = None
    usage: Usage | None = None
    idempotency_key: str | None = None
    worker: str | None = None
    events: int = 0
    created_at: datetime
    run_at: datetime | None = None
    expires_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def done(self) -> bool:
        """Whether the job has reached a state that it will not leave."""
        return self.state in TERMINAL


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run one attempt at a job. `attempt` is the fence: every write of the attempt carries it."""

    job_id: str
    kind: str
    tenant: str
    queue: str
    attempt: int
    request: bytes
    metadata: dict[str, Any]
    expires_at: datetime | None
    #: How many subscribers heard the `started` event.
    watchers: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A claim for which there is nothing to run: a second delivery, or a job that has ended meanwhile."""

    #: Why the job ended, when its sender has not been told yet.
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The attempt returned; `result` is JSON."""

    result: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt raised, or its request or result was refused."""

    failure: Failure


#: How an attempt ended; applied by one call of the store.
Outcome = Succeeded | Failed

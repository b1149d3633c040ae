"""A job: its states, its record, and how an attempt at it can end. Plain values, no Redis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from backdesk.worker.failure import Failure
from backdesk.worker.model.asks import Ask, Awaited
from backdesk.worker.model.blob import BlobRef
from backdesk.worker.model.budget import Budget, Spent
from backdesk.worker.model.measure import Measures
from backdesk.worker.model.retry import RetryPolicy
from backdesk.worker.text.json import Unreadable


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
    #: Its message was taken by the job of its conversation that was under way: `steered_into`.
    STEERED = "steered"


TERMINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED, JobState.STEERED})
ACTIVE = frozenset(JobState) - TERMINAL
#: Not yet begun, so that it can be withdrawn without asking anybody.
PENDING = frozenset({JobState.SCHEDULED, JobState.QUEUED})

#: The legal transitions. A state that is missing as a key is final.
TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.SCHEDULED: frozenset({JobState.QUEUED, JobState.CANCELLED, JobState.EXPIRED}),
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED, JobState.EXPIRED, JobState.STEERED}),
    JobState.RUNNING: frozenset(
        {
            JobState.SUCCEEDED,
            JobState.FAILED,
            JobState.CANCELLED,
            JobState.EXPIRED,
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

#: What figures of a variant are kept under, besides those of its kind.
VariantName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}=[a-z0-9][a-z0-9_-]{0,31}$")]

DEFAULT_TENANT = "default"
#: Stands for all tenants, or those that have no setting of their own, where a tenant is named.
EVERY_TENANT = "*"
#: 0 to 9; a job of a higher priority runs before one of a lower within the same tenant.
DEFAULT_PRIORITY = 5
MAX_PRIORITY = 9


class Usage(BaseModel):
    """What a job has consumed of the model so far. A cost of None is not known.

    Of the `requests` a cache has answered `cached_requests`, at no cost.
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    tool_calls: int = 0
    cost_usd: float | None = None
    cached_requests: int = 0
    #: What its body has measured (`ctx.measure`), by name.
    measures: Measures = {}
    #: The variants of prompts that it was tried with: an agent, `=`, and a name.
    variants: list[VariantName] = []

    @property
    def is_untouched(self) -> bool:
        """Whether nothing was counted or measured, as in most small jobs, which needs no look at each field."""
        return not self.model_fields_set and not self.measures

    def encoded(self) -> str:
        """Return the usage as the store keeps it: JSON with what is not nothing, `{}` when nothing was used."""
        return "{}" if self.is_untouched else self.model_dump_json(exclude_defaults=True)

    @property
    def tokens(self) -> int:
        """Tokens in both directions."""
        return self.input_tokens + self.output_tokens


class Attempt(BaseModel):
    """An attempt at a job that was not its last: `failed`, `limited`, `handed_over`, `waiting` or `lost`."""

    model_config = ConfigDict(frozen=True)

    attempt: int
    worker: str
    started_at: datetime | None = None
    ended_at: datetime
    outcome: str
    error: Failure | None = None


class Hold(BaseModel):
    """What keeps a job from running: the limit of `scope`, and why.

    The reason is `paused`, `max_running` or `rate` of jobs, or `service`: a limit, hold or breaker of an outside
    service. `run_at` is when it runs at the earliest, None when that depends on the end of others.
    """

    model_config = ConfigDict(frozen=True)

    scope: str
    reason: Literal["paused", "max_running", "rate", "service"]
    run_at: datetime | None = None


#: What no live worker has of a job: none reads its queue, or knows its kind, or has as many slots as that takes, or may
#: go on from what its version did.
Unserved = Literal["queue", "kind", "slots", "version"]


class JobFacts(BaseModel):
    """What a record and a row tell of a job at one moment. Times are in UTC.

    `attempt` counts claims. `degraded` is the failure that the result stands in for, when a fallback gave the result.
    `origin` is the dead letter that this job replays, `replayed_as` the newest replay of this one.
    `steered_into` is the job that has taken the message of this one, and answers it.

    Filled by clients for a job that has its turn to come: `limited` by the limit that holds it, `ahead` by how many of
    its tenant and kind are before it in line, `behind` by the job that its conversation goes on with, and `unserved`
    when no live worker can run it.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    kind: str
    tenant: str
    queue: str
    state: JobState
    priority: int
    attempt: int
    error: Failure | None = None
    usage: Usage | None = None
    worker: str | None = None
    created_at: datetime
    run_at: datetime | None = None
    expires_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    degraded: Failure | None = None
    cancelling: bool = False
    parent: str | None = None
    origin: str | None = None
    replayed_as: str | None = None
    steered_into: str | None = None
    conversation: str | None = None
    #: How many slots it takes, where that was said of it; None is as many as its kind.
    slots: int | None = None
    limited: Hold | None = None
    ahead: int | None = None
    behind: str | None = None
    unserved: Unserved | None = None
    #: Of a queued job, what it needs of a worker that those which had it could not give: its kind, or to go on with it
    #: `kind:version`, and a `!` after that when it must not begin anew. Where its slots are given, `kind*slots`.
    stranded: str | None = None

    @property
    def done(self) -> bool:
        """Whether the job has reached a state that it will not leave."""
        return self.state in TERMINAL


class Message(BaseModel):
    """The request of another job, which this one took while it ran: `when_busy="steer"`."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    at: datetime
    request: Any


class JobRecord(JobFacts):
    """A job as the store knows it at one moment.

    `failures` and `crashes` count the attempts that were used up, the latter since the last step or checkpoint. `asks`
    is filled for a job that waits.

    `unreadable` has the fields that stand in the store and cannot be read, by the names that they have there; here they
    have their usual value. Nothing that is submitted gets there: somebody, or another version, has written it.
    """

    request: Any
    metadata: dict[str, Any] = {}
    result: Any = None
    #: Where the request or the result is, when it was too large for Redis; it is None here then.
    request_blob: BlobRef | None = None
    result_blob: BlobRef | None = None
    idempotency_key: str | None = None
    events: int = 0
    start_by: datetime | None = None
    timeout_s: float | None = None
    retry: RetryPolicy | None = None
    failures: int = 0
    crashes: int = 0
    attempts: list[Attempt] = []
    #: The messages that came while it ran and that it has taken, the oldest first.
    messages: list[Message] = []
    asks: list[Ask] = []
    budget: Budget | None = None
    #: Whether its request is kept masked, so that it cannot be done again with it.
    masked: bool = False
    #: What it has spent, with the jobs that it called; None when that is nothing.
    spent: Spent | None = None
    #: The version of its kind that has begun it, or gone on with it last.
    version: str | None = None
    #: The trace context (W3C) of its submit.
    traceparent: str | None = None
    unreadable: dict[str, Unreadable] = {}


class JobRow(JobFacts):
    """A job as a line of a list: a record without what the job was given, gave, and went through.

    `subject` says in one line what its request is about, with what looks like an address or a number of a person
    masked. `unreadable` names the fields that cannot be read.
    """

    subject: str = ""
    unreadable: list[str] = []


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run one attempt at a job."""

    job_id: str
    kind: str
    tenant: str
    queue: str
    attempt: int
    #: A name of this very claim: every write of the attempt carries it, and is refused once another claim was made.
    fence: str
    request: bytes
    metadata: dict[str, Any]
    expires_at: datetime | None
    #: How many followed the job when it was claimed.
    watchers: int
    priority: int = DEFAULT_PRIORITY
    #: Seconds from the claim until the job expires; by the clock of the store, not that of this machine.
    expires_in_s: float | None = None
    #: Time-out of one attempt; None leaves it to the kind.
    timeout_s: float | None = None
    #: Attempts that have failed so far and count.
    failures: int = 0
    #: Workers that were lost in a row while they ran it, since it last came further.
    crashes: int = 0
    #: Policy of this job; None leaves it to the kind.
    retry: RetryPolicy | None = None
    #: What idempotency keys are built on: this job, or the one whose work a replay goes on with.
    root: str = ""
    checkpoint: bytes = b""
    #: What former attempts have consumed, as far as they could tell.
    usage: Usage | None = None
    #: Entries as JSON, by key; or none, if the ledger is so large that it is to be read by `pages`.
    ledger: Mapping[str, bytes] = field(default_factory=dict)
    pages: bool = False
    #: Whether a budget of this job, of one that called it, or of its tenant limits what it spends.
    limited: bool = False
    #: Seconds from the claim until the first of these budgets is out of time; None when none limits time.
    time_left_s: float | None = None
    #: Whether it has taken messages, in a former attempt or as the job that it replays.
    steered: bool = False
    #: The reference of the request, as JSON, where that is among the blobs.
    request_blob: bytes = b""
    #: The job that has called it; "" for none.
    parent: str = ""
    #: By whom and why it is to pause before it goes on, as JSON; "" when it is not.
    pausing: str = ""
    #: The trace context of its submit (W3C); "" for none.
    traceparent: str = ""
    #: The conversation that it is a turn of; "" for none.
    conversation: str = ""
    #: Reasons why parts of the record cannot be read, by field; such a job cannot run.
    unreadable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """A claim for which there is nothing to run: a second delivery, or a job that has ended meanwhile."""

    #: Why the job ended, when its sender has not been told yet.
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The attempt returned; `result` is JSON. `degraded` is the failure in whose place a fallback gave the result.

    `blob` is the reference of the result, as JSON, where it was too large for Redis.
    """

    result: bytes
    degraded: Failure | None = None
    blob: bytes = b""


@dataclass(frozen=True, slots=True)
class Failed:
    """The job ends in an error: not worth another attempt, or none is left."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The attempt stopped because it was asked to, and the job ends."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Expired:
    """The whole job's time was over while the attempt ran."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Retried:
    """The attempt failed; another follows after a delay."""

    failure: Failure
    delay_s: float


@dataclass(frozen=True, slots=True)
class Deferred:
    """The attempt ran into a limit of this deployment's own; it does not count, and another follows after a delay."""

    failure: Failure
    delay_s: float
    #: What is limited and why, for who follows the job, and the line of those that wait for the same; "" for neither.
    resource: str = ""
    why: str = ""
    line: str = ""
    #: After which it goes on even if that line does not; None leaves that to the store.
    most_s: float | None = None


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The attempt left the job to another worker because its own is ending; it does not count."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The attempt left its slot until others have answered; it does not count."""

    awaited: tuple[Awaited, ...]


#: How a job ends.
Ending = Succeeded | Failed | Cancelled | Expired
#: How an attempt ends whose job goes on.
Leaving = Retried | Deferred | HandedOver | Waiting
#: How an attempt ended; applied by one call of the store.
Outcome = Ending | Leaving

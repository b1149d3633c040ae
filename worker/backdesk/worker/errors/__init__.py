"""Every error that backdesk raises, under one root.

A caller tells them apart by class and reads the facts from attributes; nobody has to look into a message. All are
imported from here, those of blobs too, which have a module of their own. Imports `failure`. Begin with `root`.
"""

from __future__ import annotations

from difflib import get_close_matches

from backdesk.worker.errors.blobs import BlobCorrupt as BlobCorrupt
from backdesk.worker.errors.blobs import BlobError as BlobError
from backdesk.worker.errors.blobs import BlobLocked as BlobLocked
from backdesk.worker.errors.blobs import BlobNotFound as BlobNotFound
from backdesk.worker.errors.blobs import BlobsAhead as BlobsAhead
from backdesk.worker.errors.blobs import BlobStoreUnavailable as BlobStoreUnavailable
from backdesk.worker.errors.blobs import BlobTooLarge as BlobTooLarge
from backdesk.worker.errors.root import BackdeskError as BackdeskError
from backdesk.worker.failure import Category, Failure, Severity

#: Kinds that an error names, at most.
MOST_LISTED = 20
#: Rights that an error names, at most.
MOST_RIGHTS = 5


class ConfigurationError(BackdeskError):
    """A setting is missing or wrong; the message names it and says what to set."""


class StoreUnavailable(BackdeskError):
    """Redis could not be reached, or did not answer in time; the outcome of a write is then unknown."""


class ArchiveUnavailable(BackdeskError):
    """The archive could not be reached, or cannot be used; nothing was changed in it."""


class NotPermitted(StoreUnavailable):
    """The user of the connection lacks rights in Redis that the store needs; nothing was written.

    `missing` names what it may not do, as commands with their keys, and the message the rule that gives it.
    """

    def __init__(self, user: str, missing: tuple[str, ...], rule: str) -> None:
        super().__init__(user, missing, rule)
        self.user = user
        self.missing = missing
        self.rule = rule

    def __str__(self) -> str:
        more = f" and {len(self.missing) - MOST_RIGHTS} more" if len(self.missing) > MOST_RIGHTS else ""
        said = f"may not {', '.join(self.missing[:MOST_RIGHTS])}{more}"
        return f"the Redis user {self.user!r} {said}; give it the right: {self.rule}"


class KeyRefused(NotPermitted):
    """A client's key lets nobody into the gateway, or may not do this; `reason` says which, and what it would take."""

    def __init__(self, reason: str) -> None:
        super().__init__("", (), "")
        self.reason = reason

    def __reduce__(self) -> tuple[type[KeyRefused], tuple[str]]:
        return (type(self), (self.reason,))

    def __str__(self) -> str:
        return self.reason


class InvalidRequest(BackdeskError):
    """A request was refused at the edge, before anything was written.

    `field` is the path of the first offending field and `reason` says why; `fields` has one reason for each of them.
    """

    def __init__(self, field: str, reason: str, fields: dict[str, str] | None = None) -> None:
        super().__init__(field, reason, fields)
        self.field = field
        self.reason = reason
        self.fields = fields or {field: reason}

    @classmethod
    def of(cls, fields: dict[str, str]) -> InvalidRequest:
        """Refuse several fields at once; `fields` must not be empty."""
        field, reason = next(iter(fields.items()))
        return cls(field, reason, fields)

    def __str__(self) -> str:
        return "; ".join(f"{field}: {reason}" for field, reason in self.fields.items())


class UnknownKind(InvalidRequest):
    """No worker has announced this kind; `known` lists the kinds that are, and the message those of a similar name."""

    def __init__(self, kind: str, known: list[str]) -> None:
        super().__init__("kind", f"no worker has announced {kind!r} yet; {_instead(kind, known)}")
        self.kind = kind
        self.known = known

    def __reduce__(self) -> tuple[type[UnknownKind], tuple[str, list[str]]]:
        return (type(self), (self.kind, self.known))


def _instead(kind: str, known: list[str]) -> str:
    start = "start one, with the module of the kind in its BACKDESK_TASK_MODULES"
    if not known:
        return f"{start}; none has announced any kind so far"
    if near := get_close_matches(kind, known):
        return f"did you mean {' or '.join(near)}? Else {start}"
    return f"{start}; announced are {', '.join(known[:MOST_LISTED])}{', …' if len(known) > MOST_LISTED else ''}"


class PayloadTooLarge(InvalidRequest):
    """The encoded payload exceeds the limit; both sizes are in bytes."""

    def __init__(self, field: str, size: int, limit: int) -> None:
        super().__init__(field, f"{size} bytes encoded, the limit is {limit}")
        self.size = size
        self.limit = limit

    def __reduce__(self) -> tuple[type[PayloadTooLarge], tuple[str, int, int]]:
        return (type(self), (self.field, self.size, self.limit))


_QUOTAS = {
    "max_jobs": "jobs that have not ended",
    "max_bytes": "bytes of requests of jobs that have not ended",
    "max_blob_bytes": "bytes of large requests, results and files",
}


class QuotaExceeded(InvalidRequest):
    """The tenant has as much waiting or running as it may; some of that must end first. Nothing was written.

    `quota` is the setting of the tenant (`max_jobs` or `max_bytes`), or `max_blob_bytes` for that of all tenants
    (BACKDESK_MAX_TENANT_BLOB_BYTES); `used` is what it has now, `limit` what it may have.
    """

    def __init__(self, tenant: str, quota: str, used: int, limit: int) -> None:
        what = _QUOTAS.get(quota, quota)
        then = "wait until some have ended" if used else "what is asked for is more by itself; raise the quota"
        reason = f"{tenant!r} has {used} {what}, and may have {limit} ({quota}): {then}"
        super().__init__("tenant", reason)
        self.tenant = tenant
        self.quota = quota
        self.used = used
        self.limit = limit

    def __reduce__(self) -> tuple[type[QuotaExceeded], tuple[str, str, int, int]]:
        return (type(self), (self.tenant, self.quota, self.used, self.limit))


class StoreFull(StoreUnavailable):
    """Redis is so full that it takes no new jobs, for those that are there to come to their end; nothing was written.

    `used` and `limit` are bytes: what is used of its memory, and from where on it takes none.
    """

    def __init__(self, used: int, limit: int) -> None:
        super().__init__(used, limit)
        self.used = used
        self.limit = limit

    def __str__(self) -> str:
        kept = f"it uses {self.used} bytes, and over {self.limit} the rest is kept for jobs that are there"
        return f"Redis takes no new jobs: {kept}; raise its maxmemory, or lower BACKDESK_RETENTION_S"


class IdempotencyConflict(BackdeskError):
    """The job id or idempotency key already belongs to a job with another request; `job_id` names that job."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        return f"already used by job {self.job_id} with another request"


class ConversationBusy(BackdeskError):
    """The conversation goes on with another job, and this one was not to wait; `job_id` names the other."""

    def __init__(self, conversation_id: str, job_id: str) -> None:
        super().__init__(conversation_id, job_id)
        self.conversation_id = conversation_id
        self.job_id = job_id

    def __str__(self) -> str:
        return f"conversation {self.conversation_id!r} goes on with job {self.job_id}"


class ConversationNotFound(BackdeskError):
    """Nothing was said in this conversation of this tenant, or its retention has passed, or it was erased."""

    def __init__(self, conversation_id: str, tenant: str) -> None:
        super().__init__(conversation_id, tenant)
        self.conversation_id = conversation_id
        self.tenant = tenant

    def __str__(self) -> str:
        return f"no conversation {self.conversation_id!r} of tenant {self.tenant!r}: never begun, expired, or erased"


class JobNotFound(BackdeskError):
    """No job has this id: it never existed, or its retention has passed."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        return f"no job {self.job_id!r}: it never existed, or its retention has passed"


class NotCancellable(BackdeskError):
    """The job has ended otherwise, and can no longer be cancelled; `state` says how."""

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(job_id, state)
        self.job_id = job_id
        self.state = state

    def __str__(self) -> str:
        return f"job {self.job_id} is {self.state}; only a job that has not ended can be cancelled"


class NotWaiting(BackdeskError):
    """The job waits for nobody's answer: it was answered, or it never asked; `state` says where it is."""

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(job_id, state)
        self.job_id = job_id
        self.state = state

    def __str__(self) -> str:
        return f"job {self.job_id} is {self.state}; only a job that waits can be answered"


class AskUnknown(BackdeskError):
    """It is not clear what the answer is for: nothing that the job waits for fits, or more than one thing does.

    `wanted` is what was to be answered; `asks` is all that the job waits for, by name, with the type of each.
    """

    def __init__(self, job_id: str, wanted: str, reason: str, asks: dict[str, str]) -> None:
        super().__init__(job_id, wanted, reason, asks)
        self.job_id = job_id
        self.wanted = wanted
        self.reason = reason
        self.asks = asks

    def __str__(self) -> str:
        listed = ", ".join(f"{kind} {name!r}" for name, kind in self.asks.items())
        return f"{self.wanted} of job {self.job_id}: {self.reason}; it waits for {listed}"


class NotReplayable(BackdeskError):
    """The job is no dead letter, or there is no request to repeat; `reason` says which, and what to do."""

    def __init__(self, job_id: str, reason: str) -> None:
        super().__init__(job_id, reason)
        self.job_id = job_id
        self.reason = reason

    def __str__(self) -> str:
        return f"job {self.job_id} cannot be replayed: {self.reason}"


class NotForgettable(BackdeskError):
    """The job has not ended, or jobs that it called are still being cancelled; `state` and `reason` say which."""

    def __init__(self, job_id: str, state: str, reason: str) -> None:
        super().__init__(job_id, state, reason)
        self.job_id = job_id
        self.state = state
        self.reason = reason

    def __str__(self) -> str:
        return f"job {self.job_id} is {self.state}: {self.reason}"


class KeyNotFound(BackdeskError):
    """No API key has this id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(key_id)
        self.key_id = key_id

    def __str__(self) -> str:
        return f"no API key {self.key_id!r}"


class WebhookNotFound(BackdeskError):
    """No webhook endpoint has this id."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self.endpoint = endpoint

    def __str__(self) -> str:
        return f"no webhook endpoint {self.endpoint!r}"


class ScheduleNotFound(BackdeskError):
    """No schedule has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"no schedule {self.name!r}"


class ScheduleExists(BackdeskError):
    """A schedule of this name is there with another definition, which was left alone."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"schedule {self.name!r} is there with another definition; replace it if that is meant"


class JobFailed(BackdeskError):
    """The job ended without a result: failed, cancelled or expired; `failure` holds the reason."""

    def __init__(self, job_id: str, state: str, failure: Failure) -> None:
        super().__init__(job_id, state, failure)
        self.job_id = job_id
        self.state = state
        self.failure = failure

    def __str__(self) -> str:
        return f"job {self.job_id} {self.state}: [{self.failure.code}] {self.failure.message}"


class ResultMismatch(BackdeskError):
    """The job has a result, but not as the kind's model here expects it: two versions of the kind are at work.

    `fields` has one reason for each field; the job's record has the result as JSON.
    """

    def __init__(self, job_id: str, model: str, fields: dict[str, str]) -> None:
        super().__init__(job_id, model, fields)
        self.job_id = job_id
        self.model = model
        self.fields = fields

    def __str__(self) -> str:
        reasons = "; ".join(f"{field}: {reason}" for field, reason in self.fields.items())
        return f"the result of job {self.job_id} is no {self.model} as it is known here: {reasons}"


class ResultTimeout(BackdeskError, TimeoutError):
    """The job had no result within the time that the caller was willing to wait; it goes on."""

    def __init__(self, job_id: str, timeout_s: float) -> None:
        super().__init__(job_id, timeout_s)
        self.job_id = job_id
        self.timeout_s = timeout_s

    def __str__(self) -> str:
        return f"job {self.job_id} has no result after {self.timeout_s:g} s; it goes on"


class FenceLost(BackdeskError):
    """Another attempt has begun, or the job has ended: this attempt may write nothing more."""


class TaskError(BackdeskError):
    """Raised by a task body to fail its attempt with a code and a message of its own choosing.

    `transient` says that another attempt could succeed, in `retry_after_s` seconds at the earliest; whether there is
    one is for the kind's retry policy to say, which goes by `category`.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        category: Category = Category.UNKNOWN,
        severity: Severity = Severity.MEDIUM,
        transient: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.category = category
        self.severity = severity
        self.transient = transient
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return self.message


class Limited(BackdeskError):
    """Raised inside an attempt that ran into a limit of this deployment's own, which `reason` names.

    The job is parked for `retry_after_s` seconds and no attempt is used. If it waits for an outside service, `resource`
    names that, `why` says what of it, and the job goes on as soon as the `line` in which it waits has room.
    """

    def __init__(self, retry_after_s: float, reason: str, *, resource: str = "", why: str = "", line: str = "") -> None:
        super().__init__(retry_after_s, reason)
        self.retry_after_s = retry_after_s
        self.reason = reason
        self.resource = resource
        self.why = why
        self.line = line

    def __str__(self) -> str:
        return f"{self.reason}: parked for {self.retry_after_s:g} s"

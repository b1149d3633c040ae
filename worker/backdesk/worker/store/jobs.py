"""The transitions of a job, each as a typed call of its Lua script. Pure: nothing here speaks to Redis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from pydantic_core import from_json, to_json

from backdesk.worker.failure import Failure
from backdesk.worker.model.asks import Awaited
from backdesk.worker.model.budget import Budget
from backdesk.worker.model.events import EventDraft
from backdesk.worker.model.job import (
    TERMINAL,
    Cancelled,
    Claim,
    Deferred,
    Ending,
    Expired,
    Failed,
    HandedOver,
    JobState,
    Outcome,
    Refused,
    Retried,
    Succeeded,
    Usage,
    Waiting,
)
from backdesk.worker.model.retry import RetryPolicy
from backdesk.worker.store.calls import CallBuilder
from backdesk.worker.store.scripts import Argument, Call

#: Jobs that one round of promote, reap, expire or prune takes, so that no script holds Redis for long.
BATCH = 200
#: Stands for whatever policy a scope has.
ANY_POLICY = "*"


class SubmitCode(IntEnum):
    """What `submit` did with a job."""

    CREATED = 1
    EXISTING = 0
    CONFLICT = -1
    #: The job that called it has lost its fence meanwhile.
    ORPHAN = -2
    #: Its conversation goes on with another job, and it was not to wait.
    BUSY = -3
    #: Its tenant is unknown, or may not have jobs of this kind; in place of the id stands the field that is to blame.
    FORBIDDEN = -4


@dataclass(frozen=True, slots=True)
class Parentage:
    """Whose child a job is: the parent, the attempt that calls, and the name under which it waits for the child."""

    job_id: str
    attempt: int
    name: str


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job as it is submitted: checked, encoded, and with the id that its client chose. Times are in ms."""

    id: str
    kind: str
    tenant: str
    queue: str
    #: None leaves it to the tenant.
    priority: int | None
    request: bytes
    fingerprint: str
    idempotency_key: str = ""
    run_at_ms: int | None = None
    expires_at_ms: int | None = None
    metadata: bytes = b""
    #: The message that Celery gets instead of the usual one: it carries a foreign caller's links and chains.
    delivery: bytes = b""
    start_by_ms: int | None = None
    #: Length of an attempt, at most.
    timeout_ms: int | None = None
    retry: RetryPolicy | None = None
    parent: Parentage | None = None
    #: The dead letter that this job replays, and whether what that one has finished stays finished.
    origin: str = ""
    resumes: bool = False
    #: Jobs of one conversation run one after the other; `when_busy` is `enqueue`, `reject` or `interrupt`.
    conversation: str = ""
    when_busy: str = "enqueue"
    #: How long the idempotency key finds this job; None as long as the job is kept.
    idempotency_ttl_ms: int | None = None
    #: The idempotency key finds this job only while it goes on.
    idempotency_while_active: bool = False
    budget: Budget | None = None

    def flat(self) -> list[Argument]:
        """Return the values of one job as `submit.lua` lists them."""
        parent = self.parent
        return [
            *(self.id, self.kind, self.tenant, self.queue, _optional(self.priority), self.request, self.fingerprint),
            *(self.idempotency_key, _optional(self.run_at_ms), _optional(self.expires_at_ms), self.metadata),
            *(self.delivery, _optional(self.start_by_ms), _optional(self.timeout_ms)),
            self.retry.model_dump_json() if self.retry else "",
            *((parent.job_id, parent.attempt, parent.name) if parent else ("", "", "")),
            *(self.origin, _flag(self.resumes), self.conversation, self.when_busy),
            *(_optional(self.idempotency_ttl_ms), _flag(self.idempotency_while_active)),
            self.budget.encoded() if self.budget else "",
        ]


def milliseconds(moment: datetime) -> int:
    """Return a moment as ms since 1970; a naive one is taken as UTC."""
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def moment(ms: bytes | int) -> datetime:
    """Return ms since 1970 as a moment in UTC."""
    return datetime.fromtimestamp(int(ms) / 1000, UTC)


class Transitions(CallBuilder):
    """Builds the calls that move jobs."""

    # --- what clients do ---

    def submit(self, jobs: Sequence[NewJob]) -> Call[list[tuple[SubmitCode, str]]]:
        """Write new jobs, all in one atomic step; idempotent by job id and by idempotency key."""
        settings = self._settings
        common = (round(settings.ageing_s * 1000), _flag(settings.require_tenant))
        return self._call("submit", *common, *(value for job in jobs for value in job.flat()), read=_read_submitted)

    def cancel(self, job_id: str, reason: str) -> Call[tuple[bool, str]]:
        """End a job, or ask its attempt to; gives whether that is so, and the state it is in now ("" if unknown)."""
        return self._call("cancel", job_id, to_json(reason), read=_read_state)

    def answer(
        self, job_id: str, name: str, entry: bytes, event: bytes, failure: Failure | None = None
    ) -> Call[tuple[bool, str]]:
        """Give a waiting job an answer, as an entry of its ledger (b"" takes the entry out), or end it by a failure.

        Gives whether the answer is in force, and the job's state ("" if unknown). Idempotent by the event.
        """
        error = to_json(failure) if failure else b""
        return self._call("answer", job_id, name, entry, event, error, read=_read_state)

    def drop(self, job_ids: Sequence[str]) -> Call[int]:
        """Forget dead letters; gives how many there were among these jobs."""
        return self._call("drop", *job_ids, read=int)

    def reject(self, job_id: str, kind: str, tenant: str, failure: Failure) -> Call[bool]:
        """Record a message that cannot be a job as a failed one; gives False when the id is taken. Idempotent."""
        return self._call("reject", job_id, kind, tenant, to_json(failure), read=bool)

    def contract(self, kind: str) -> Call[bytes | None]:
        """Read the contract that workers have announced of a kind, as JSON."""
        return self._call("contract", kind, read=lambda raw: raw)

    # --- what an attempt does ---

    def claim(self, job_id: str, worker: str, token: str, budget: Budget | None = None) -> Call[Claim | Refused]:
        """Take the lease of a job for one attempt, or be refused when there is nothing to run. Idempotent by token.

        `budget` is that of its kind; the job keeps it if it has none of its own.
        """
        arguments = (round(self._settings.lease_s * 1000), worker, token, budget.encoded() if budget else "")
        return self._call("claim", job_id, *arguments, read=lambda reply: _read_claim(job_id, reply))

    def renew(self, attempts: Sequence[tuple[str, int]]) -> Call[list[int | None]]:
        """Prolong leases; gives for each attempt how many watch it, None when it has lost its fence."""
        flat = [value for attempt in attempts for value in attempt]
        lease_ms = round(self._settings.lease_s * 1000)
        return self._call("renew", lease_ms, *flat, read=lambda reply: [None if n < 0 else n for n in reply])

    def emit(self, claim: Claim, first: int, events: Sequence[EventDraft]) -> Call[int | None]:
        """Append events of an attempt, of which `first` were written before; idempotent by that number.

        Gives how many subscribers heard the last one, None when the attempt has lost its fence.
        """
        flat = [value for event in events for value in (event.type, event.data)]
        arguments = (first, self._settings.max_events, *flat)
        return self._of(claim, "emit", *arguments, read=lambda reply: None if reply < 0 else int(reply))

    def remember(self, claim: Claim, key: str, entry: bytes, event: bytes = b"") -> Call[bool]:
        """Write an entry of the ledger (b"" takes it out), and a `step` event with it; gives whether the fence held."""
        return self._of(claim, "remember", key, entry, event, self._settings.max_events, read=bool)

    def checkpoint(self, claim: Claim, value: bytes) -> Call[bool]:
        """Keep where the attempt is, for the next one; gives whether the attempt still held its fence."""
        return self._of(claim, "checkpoint", value, read=bool)

    def end(self, claim: Claim, outcome: Outcome, usage: Usage) -> Call[bool]:
        """End an attempt as it ended; gives whether it still held its fence. Idempotent."""
        tokens = usage.tokens - (claim.usage.tokens if claim.usage else 0)
        match outcome:
            case Waiting(awaited):
                return self._wait(claim, awaited, usage, tokens)
            case Retried() | Deferred() | HandedOver():
                return self._park(claim, outcome, usage, tokens)
            case _:
                return self._finish(claim, outcome, usage, tokens)

    def _finish(self, claim: Claim, ending: Ending, usage: Usage, tokens: int) -> Call[bool]:
        state, field, value, data = _ending(ending, self._settings.max_event_bytes)
        degraded = to_json(ending.degraded) if isinstance(ending, Succeeded) and ending.degraded else b""
        return self._of(claim, "finish", state, field, value, data, usage.encoded(), degraded, tokens, read=bool)

    def _park(self, claim: Claim, leaving: Retried | Deferred | HandedOver, usage: Usage, tokens: int) -> Call[bool]:
        delay_ms, outcome, error = _leaving(leaving)
        line, limit = "", b""
        if isinstance(leaving, Deferred) and leaving.resource:
            line, limit = leaving.line, to_json({"resource": leaving.resource, "why": leaving.why})
        return self._of(claim, "park", delay_ms, outcome, error, usage.encoded(), tokens, line, limit, read=bool)

    def _wait(self, claim: Claim, awaited: Sequence[Awaited], usage: Usage, tokens: int) -> Call[bool]:
        flat: list[Argument] = []
        for each in awaited:
            until_ms = None if each.ask.expires_in_s is None else round(each.ask.expires_in_s * 1000)
            flat += (each.ask.name, each.target, to_json(each.ask), _optional(until_ms), each.otherwise)
        return self._of(claim, "wait", usage.encoded(), tokens, *flat, read=bool)

    # --- what workers do besides ---

    def redeliver(self, job_id: str, *, unknown_kind: bool) -> Call[bool]:
        """Give back a delivery that is not used here; gives whether the job waits for another worker now."""
        return self._call("redeliver", job_id, _flag(unknown_kind), read=bool)

    def stop(self, worker: str, ask: str, job_ids: Sequence[str]) -> Call[int]:
        """Ask attempts on a worker to `drain` or to `hand_over`; gives how many of the jobs still run there."""
        return self._call("stop", worker, ask, *job_ids, read=int)

    def promote(self) -> Call[int]:
        """Queue parked jobs whose time has come, end waits that were too long; gives how many. At most `BATCH`."""
        return self._call("promote", BATCH, read=int)

    def resume(self) -> Call[int]:
        """Let go on what limits have held, as far as they have room; gives how many limits were looked at."""
        return self._call("resume", BATCH, read=int)

    def configure(
        self,
        scope: str,
        policy: str,
        tenant: str = "",
        settings: Mapping[str, str] | None = None,
        *,
        origin: str = ANY_POLICY,
    ) -> Call[bool | None]:
        """Set the policy of a scope ("" removes it), and a tenant's settings; gives whether there was such a thing.

        Gives None, and changes nothing, when another policy is in force than the `origin` that it was made from.
        """
        flat = [value for setting in (settings or {}).items() for value in setting]
        arguments = (scope, policy, origin, tenant, *flat)
        return self._call("configure", *arguments, read=lambda reply: None if reply < 0 else bool(reply))

    def expire(self) -> Call[int]:
        """End jobs that have reached a time limit; gives how many were looked at. At most `BATCH` a call."""
        return self._call("expire", BATCH, read=int)

    def reap(self) -> Call[list[str]]:
        """Take back the jobs of workers that are gone; gives their ids. At most `BATCH` a call."""
        crashes = self._settings.max_crashes
        return self._call("reap", BATCH, crashes, read=lambda reply: [text(job_id) for job_id in reply])

    def redispatch(self, queue: str) -> Call[int]:
        """Deliver again what was lost on its way to a claim; gives how many."""
        return self._call("redispatch", queue, round(self._settings.redispatch_after_s * 1000), read=int)

    def prune(self, state: JobState) -> Call[int]:
        """Forget jobs that ended before the retention; gives how many. At most `BATCH` a call."""
        if state not in TERMINAL:
            raise ValueError(f"{state} is not terminal; only finished jobs are forgotten")
        return self._call("prune", state, BATCH, read=int)

    def announce(
        self, worker: str, ttl_ms: int, announcement: Mapping[str, Any], contracts: Mapping[str, str] | None = None
    ) -> Call[tuple[int, int]]:
        """Keep a worker known for `ttl_ms` (0 withdraws it), and kinds by their contracts.

        Gives how many workers are alive, and of how many of its kinds the store has no contract.
        """
        flat = [value for contract in (contracts or {}).items() for value in contract]
        return self._call("announce", worker, ttl_ms, to_json(announcement), *flat, read=tuple)

    def elect(self, worker: str, term_ms: int) -> Call[bool]:
        """Become or remain the leader for `term_ms`; gives whether this worker leads."""
        return self._call("elect", worker, term_ms, read=bool)


def _optional(value: int | None) -> Argument:
    return "" if value is None else value


def _flag(value: bool) -> Argument:
    return 1 if value else ""


def text(value: bytes | str) -> str:
    """Return a reply of Redis as text."""
    return value.decode() if isinstance(value, bytes) else value


def _read_state(reply: list[Any]) -> tuple[bool, str]:
    return bool(reply[0]), text(reply[1])


def _read_submitted(reply: list[list[Any]]) -> list[tuple[SubmitCode, str]]:
    return [(SubmitCode(code), text(job_id)) for code, job_id in reply]


def _read_claim(job_id: str, reply: list[Any]) -> Claim | Refused:
    if not reply[0]:
        return Refused(Failure.model_validate_json(reply[1]) if reply[1] else None)
    attempt, kind, tenant, queue, request, metadata, expires_at, expires_in, watchers = reply[1:10]
    failures, retry, timeout, root, checkpoint, ledger, priority, usage, limited, time_left = reply[10:]
    return Claim(
        job_id=job_id,
        kind=text(kind),
        tenant=text(tenant),
        queue=text(queue),
        attempt=attempt,
        request=request,
        metadata=from_json(metadata) if metadata else {},
        expires_at=moment(expires_at) if expires_at else None,
        watchers=watchers,
        priority=priority,
        expires_in_s=int(expires_in) / 1000 if expires_at else None,
        timeout_s=int(timeout) / 1000 if timeout else None,
        failures=failures,
        retry=RetryPolicy.model_validate_json(retry) if retry else None,
        root=text(root),
        checkpoint=checkpoint,
        usage=Usage.model_validate_json(usage) if usage else None,
        ledger={text(key): entry for key, entry in zip(ledger[::2], ledger[1::2], strict=True)},
        limited=bool(limited),
        time_left_s=int(time_left) / 1000 if time_left else None,
    )


def _ending(ending: Ending, max_event_bytes: int) -> tuple[JobState, str, bytes, bytes]:
    """Terminal state, field of the record, its value, and the data of the terminal event."""
    match ending:
        case Succeeded(result, degraded):
            mark = b',"degraded":' + to_json(degraded) if degraded else b""
            if len(result) + len(mark) > max_event_bytes:
                return JobState.SUCCEEDED, "result", result, b'{"result_omitted":true}'
            return JobState.SUCCEEDED, "result", result, b'{"result":' + result + mark + b"}"
        case Failed(failure):
            state = JobState.FAILED
        case Cancelled(failure):
            state = JobState.CANCELLED
        case Expired(failure):
            state = JobState.EXPIRED
    error = to_json(failure)
    return state, "error", error, error


def _leaving(leaving: Retried | Deferred | HandedOver) -> tuple[int, str, bytes]:
    """Delay in ms, what `park.lua` calls it, and the error."""
    match leaving:
        case Retried(failure, delay_s):
            return round(delay_s * 1000), "failed", to_json(failure)
        case Deferred(failure, delay_s):
            return max(0, round(delay_s * 1000)), "limited", to_json(failure)
        case HandedOver():
            return 0, "handed_over", b""

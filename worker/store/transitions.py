"""The transitions of a job, each as a typed call of its Lua script. Pure: nothing here speaks to Redis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from pydantic_core import from_json, to_json

from worker.events import EventDraft
from worker.job import TERMINAL, Claim, Failed, Failure, JobState, Outcome, Refused, Succeeded, Usage
from worker.settings import Settings
from worker.store.script import Argument, Call, load_script

#: Jobs that one round of promote, reap, expire or prune takes, so that no script holds Redis for long.
BATCH = 200


class SubmitCode(IntEnum):
    """What `submit` did with a job."""

    CREATED = 1
    EXISTING = 0
    CONFLICT = -1


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job as it is submitted: checked, encoded, and with the id that its client chose. Times are in ms."""

    id: str
    kind: str
    tenant: str
    queue: str
    priority: int
    request: bytes
    fingerprint: str
    idempotency_key: str = ""
    run_at_ms: int | None = None
    expires_at_ms: int | None = None
    metadata: bytes = b""
    #: The message that Celery gets instead of the usual one: it carries a foreign caller's links and chains.
    delivery: bytes = b""


def milliseconds(moment: datetime) -> int:
    """Return a moment as ms since 1970; a naive one is taken as UTC."""
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def moment(ms: bytes | int) -> datetime:
    """Return ms since 1970 as a moment in UTC."""
    return datetime.fromtimestamp(int(ms) / 1000, UTC)


class Transitions:
    """Builds the calls for one deployment. `clock` gives ms in tests; by default the time is that of Redis."""

    def __init__(self, settings: Settings, clock: Callable[[], int] | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._retention_ms = settings.retention_s * 1000

    def _arguments(self, *arguments: Argument) -> tuple[Argument, ...]:
        return (self._settings.prefix, self._clock() if self._clock else "", *arguments)

    def submit(self, jobs: Sequence[NewJob]) -> Call[list[tuple[SubmitCode, str]]]:
        """Write new jobs, all in one atomic step; idempotent by job id and by idempotency key."""
        flat: list[Argument] = []
        for job in jobs:
            flat += (job.id, job.kind, job.tenant, job.queue, job.priority, job.request, job.fingerprint)
            flat += (
                job.idempotency_key,
                _optional(job.run_at_ms),
                _optional(job.expires_at_ms),
                job.metadata,
            )
            flat.append(job.delivery)
        return Call(load_script("submit"), self._arguments(self._settings.idle_window, *flat), _read_submitted)

    def claim(self, job_id: str, worker: str, token: str) -> Call[Claim | Refused]:
        """Take the lease of a job for one attempt, or be refused when there is nothing to run. Idempotent by token."""
        lease_ms = round(self._settings.lease_s * 1000)
        arguments = self._arguments(self._settings.idle_window, job_id, lease_ms, worker, token, self._retention_ms)
        return Call(load_script("claim"), arguments, lambda reply: _read_claim(job_id, reply))

    def renew(self, attempts: Sequence[tuple[str, int]]) -> Call[list[int | None]]:
        """Prolong leases; gives for each attempt how many watch it, None when it has lost its fence."""
        flat = [value for attempt in attempts for value in attempt]
        arguments = self._arguments(round(self._settings.lease_s * 1000), *flat)
        return Call(load_script("renew"), arguments, lambda reply: [None if n < 0 else n for n in reply])

    def emit(self, claim: Claim, first: int, events: Sequence[EventDraft]) -> Call[int | None]:
        """Append events of an attempt, of which `first` were written before; idempotent by that number.

        Gives how many subscribers heard the last one, None when the attempt has lost its fence.
        """
        flat = [value for event in events for value in (event.type, event.data)]
        arguments = self._arguments(claim.job_id, claim.attempt, first, self._settings.max_events, *flat)
        return Call(
            load_script("emit"),
            arguments,
            lambda reply: None if reply < 0 else int(reply),
            (claim.job_id, claim.attempt),
        )

    def finish(self, claim: Claim, outcome: Outcome, usage: Usage) -> Call[bool]:
        """End an attempt and its job; gives whether the attempt still held its fence. Idempotent."""
        state, field, value, data = _ending(outcome, self._settings.max_event_bytes)
        arguments = self._arguments(
            claim.job_id, claim.attempt, state, field, value, data, to_json(usage), self._retention_ms
        )
        return Call(load_script("finish"), arguments, bool, (claim.job_id, claim.attempt))

    def cancel(self, job_id: str, reason: str) -> Call[tuple[bool, str]]:
        """Withdraw a job that has not begun; gives whether it is cancelled, and else its state ("" if unknown)."""
        arguments = self._arguments(self._settings.idle_window, job_id, to_json(reason), self._retention_ms)
        return Call(load_script("cancel"), arguments, lambda reply: (bool(reply[0]), text(reply[1])))

    def reject(self, job_id: str, kind: str, tenant: str, failure: Failure) -> Call[bool]:
        """Record a message that cannot be a job as a failed one; gives False when the id is taken. Idempotent."""
        arguments = self._arguments(job_id, kind, tenant, to_json(failure), self._retention_ms)
        return Call(load_script("reject"), arguments, bool)

    def promote(self) -> Call[int]:
        """Queue parked jobs whose time has come; gives how many. At most `BATCH` a call."""
        return Call(load_script("promote"), self._arguments(self._settings.idle_window, BATCH), int)

    def expire(self) -> Call[int]:
        """End jobs that expired before they began; gives how many were looked at. At most `BATCH` a call."""
        arguments = self._arguments(self._settings.idle_window, BATCH, self._retention_ms)
        return Call(load_script("expire"), arguments, int)

    def reap(self) -> Call[list[str]]:
        """Take back the jobs of workers that are gone; gives their ids. At most `BATCH` a call."""
        settings = self._settings
        arguments = self._arguments(settings.idle_window, BATCH, settings.max_crashes, self._retention_ms)
        return Call(load_script("reap"), arguments, lambda reply: [text(job_id) for job_id in reply])

    def redispatch(self, queue: str) -> Call[int]:
        """Deliver again what was lost on its way to a claim; gives how many."""
        age_ms = round(self._settings.redispatch_after_s * 1000)
        return Call(load_script("redispatch"), self._arguments(self._settings.idle_window, queue, age_ms), int)

    def prune(self, state: JobState) -> Call[int]:
        """Forget jobs that ended before the retention; gives how many. At most `BATCH` a call."""
        if state not in TERMINAL:
            raise ValueError(f"{state} is not terminal; only finished jobs are forgotten")
        return Call(load_script("prune"), self._arguments(state, BATCH, self._retention_ms), int)

    def announce(self, worker: str, ttl_ms: int, announcement: dict[str, Any]) -> Call[int]:
        """Keep a worker known for `ttl_ms` (0 withdraws it); gives how many are alive."""
        arguments = self._arguments(self._settings.idle_window, worker, ttl_ms, to_json(announcement))
        return Call(load_script("announce"), arguments, int)

    def elect(self, worker: str, term_ms: int) -> Call[bool]:
        """Become or remain the leader for `term_ms`; gives whether this worker leads."""
        return Call(load_script("elect"), self._arguments(worker, term_ms), bool)


def _optional(value: int | None) -> Argument:
    return "" if value is None else value


def text(value: bytes | str) -> str:
    """Return a reply of Redis as text."""
    return value.decode() if isinstance(value, bytes) else value


def _read_submitted(reply: list[list[Any]]) -> list[tuple[SubmitCode, str]]:
    return [(SubmitCode(code), text(job_id)) for code, job_id in reply]


def _read_claim(job_id: str, reply: list[Any]) -> Claim | Refused:
    if not reply[0]:
        return Refused(Failure.model_validate_json(reply[1]) if reply[1] else None)
    attempt, kind, tenant, queue, request, metadata, expires_at, watchers = reply[1:]
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
    )


def _ending(outcome: Outcome, max_event_bytes: int) -> tuple[JobState, str, bytes, bytes]:
    """Terminal state, field of the record, its value, and the data of the terminal event."""
    match outcome:
        case Succeeded(result):
            fits = len(result) <= max_event_bytes
            data = b'{"result":' + result + b"}" if fits else b'{"result_omitted":true}'
            return JobState.SUCCEEDED, "result", result, data
        case Failed(failure):
            error = to_json(failure)
            return JobState.FAILED, "error", error, error

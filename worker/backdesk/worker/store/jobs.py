"""The transitions of a job, each as a typed call of its Lua script. Pure: nothing here speaks to Redis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from pydantic_core import to_json

from backdesk.worker.failure import Failure
from backdesk.worker.store.attempts import AttemptCalls
from backdesk.worker.store.calls import flag, text
from backdesk.worker.store.scripts import Call
from backdesk.worker.store.signature import Number
from backdesk.worker.store.upkeep import UpkeepCalls

#: When something is to be: in ms since 1970, or `+ms` from when it is written, by Redis's clock; "" if never.
When = int | str


class SubmitCode(IntEnum):
    """What `submit` did with a job."""

    CREATED = 1
    #: Not written: its key belongs to this job, which has ended and is forgotten.
    FORGOTTEN = 2
    EXISTING = 0
    CONFLICT = -1
    #: The job that called it has lost its fence meanwhile.
    ORPHAN = -2
    #: Its conversation goes on with another job, and it was not to wait.
    BUSY = -3
    #: Its tenant is unknown, or may not have jobs of this kind; in place of the id stands the field that is to blame.
    FORBIDDEN = -4
    #: Jobs call each other too deep; in place of the id stands how deep they may.
    TOO_DEEP = -5
    #: Its tenant has too much already; in place of the id stands the quota, what the tenant has and what it may have.
    OVER_QUOTA = -6
    #: Redis is nearly full; in place of the id stand the bytes that it uses and those that it may.
    STORE_FULL = -7


@dataclass(frozen=True, slots=True)
class Parentage:
    """Whose child a job is: the parent, the fence of its attempt, and the name under which that waits for the child."""

    parent: str
    parent_fence: str
    parent_key: str


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job as it is submitted: checked, encoded, and with the id that its client chose.

    The fields are what `submit.lua` takes for a job, where they are explained; "" stands for what is not given.
    """

    id: str
    kind: str
    tenant: str
    queue: str
    #: "" leaves it to the tenant.
    priority: Number
    request: bytes
    fingerprint: str
    idempotency_key: str = ""
    run_at_ms: When = ""
    expires_at_ms: When = ""
    metadata: bytes = b""
    #: The message that Celery gets instead of the usual one: it carries a foreign caller's links and chains.
    delivery: bytes = b""
    start_by_ms: When = ""
    timeout_ms: Number = ""
    retry: str = ""
    parent: str = ""
    parent_fence: str = ""
    parent_key: str = ""
    origin: str = ""
    resumes: Number | str = ""
    conversation: str = ""
    when_busy: str = "enqueue"
    idempotency_ttl_ms: Number = ""
    idempotency_while_active: Number = ""
    budget: str = ""
    slots: Number = ""
    request_blob: str = ""
    blob_bytes: Number = ""
    #: The trace context of the submit (W3C), to which attempts are linked; "" for none.
    traceparent: str = ""


class Transitions(AttemptCalls, UpkeepCalls):
    """Builds the calls that move jobs: those of clients, those of attempts, and those of the upkeep."""

    def submit(self, jobs: Sequence[NewJob]) -> Call[list[tuple[SubmitCode, str]]]:
        """Write new jobs, all in one atomic step; idempotent by job id and by idempotency key."""
        settings = self._settings
        ageing_ms, known = round(settings.ageing_s * 1000), flag(settings.require_tenant)
        return self._call(
            "submit",
            _read_submitted,
            jobs,
            ageing_ms=ageing_ms,
            require_tenant=known,
            max_jobs=settings.max_tenant_jobs,
            max_bytes=settings.max_tenant_bytes,
            max_blob_bytes=settings.max_tenant_blob_bytes,
        )

    def cancel(self, job_id: str, reason: str) -> Call[tuple[bool, str]]:
        """End a job, or ask its attempt to; gives whether that is so, and the state it is in now ("" if unknown)."""
        return self._call("cancel", _read_state, id=job_id, reason=to_json(reason))

    def halt(self, job_id: str, pausing: bytes) -> Call[tuple[bool, str, bool]]:
        """Have a job pause, by whom and why as JSON, or with b"" no longer.

        Gives whether that is so, the state it is in now ("" if unknown), and whether it was asked to before.
        """
        return self._call("halt", _read_halted, id=job_id, pausing=pausing)

    def answer(
        self, job_id: str, name: str, entry: bytes, event: bytes, failure: Failure | None = None
    ) -> Call[tuple[bool, str]]:
        """Give a waiting job an answer, as an entry of its ledger (b"" takes the entry out), or end it by a failure.

        Gives whether the answer is in force, and the job's state ("" if unknown). Idempotent by the event.
        """
        error = to_json(failure) if failure else b""
        return self._call("answer", _read_state, id=job_id, name=name, entry=entry, event=event, error=error)

    def drop(self, job_ids: Sequence[str], *, ended: bool = False) -> Call[int]:
        """Forget dead letters, or with `ended` jobs in any final state; gives how many there were among these jobs."""
        return self._call("drop", int, job_ids, ended=flag(ended))

    def reject(self, job_id: str, kind: str, tenant: str, failure: Failure) -> Call[bool]:
        """Record a message that cannot be a job as a failed one; gives False when the id is taken. Idempotent."""
        return self._call("reject", bool, id=job_id, kind=kind, tenant=tenant, error=to_json(failure))

    def contract(self, kind: str) -> Call[bytes | None]:
        """Read the contract that workers have announced of a kind, as JSON."""
        return self._call("contract", lambda raw: raw, kind=kind)


def _read_state(reply: list[Any]) -> tuple[bool, str]:
    return bool(reply[0]), text(reply[1])


def _read_halted(reply: list[Any]) -> tuple[bool, str, bool]:
    return bool(reply[0]), text(reply[1]), bool(reply[2])


def _read_submitted(reply: list[list[Any]]) -> list[tuple[SubmitCode, str]]:
    return [(SubmitCode(code), text(job_id)) for code, job_id in reply]

"""Reading what the transitions wrote. Pure, so that blocking and asyncio clients share it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from worker.events import JobEvent
from worker.failure import Failure
from worker.job import JobRecord, Usage
from worker.store.transitions import moment


def read_record(job_id: str, fields: Mapping[bytes, bytes], events: int) -> JobRecord | None:
    """Return the record held by a job's hash, or None when the hash is empty."""
    if not fields:
        return None
    raw = {name.decode(): value for name, value in fields.items()}
    return JobRecord(
        id=job_id,
        kind=raw["kind"].decode(),
        tenant=raw["tenant"].decode(),
        queue=raw["queue"].decode(),
        state=raw["state"].decode(),
        priority=int(raw["priority"]),
        attempt=int(raw["attempt"]),
        request=from_json(raw["request"]),
        metadata=_json(raw, "metadata") or {},
        result=_json(raw, "result"),
        error=Failure.model_validate_json(raw["error"]) if "error" in raw else None,
        usage=Usage.model_validate_json(raw["usage"]) if "usage" in raw else None,
        idempotency_key=raw["idempotency_key"].decode() if "idempotency_key" in raw else None,
        worker=raw["worker"].decode() if "worker" in raw else None,
        events=events,
        created_at=moment(raw["created_at"]),
        run_at=_moment(raw, "run_at"),
        expires_at=_moment(raw, "expires_at"),
        started_at=_moment(raw, "started_at"),
        finished_at=_moment(raw, "finished_at"),
    )


def read_event(message: bytes | str) -> JobEvent:
    """Return the event that a message of the channel or an entry of the log holds."""
    return JobEvent.model_validate_json(message)


def _json(raw: Mapping[str, bytes], name: str) -> Any:
    return from_json(raw[name]) if name in raw else None


def _moment(raw: Mapping[str, bytes], name: str) -> Any:
    return moment(raw[name]) if name in raw else None

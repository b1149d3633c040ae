"""Reading what the transitions wrote. Pure, so that blocking and asyncio clients share it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import from_json

from backdesk.worker.failure import Failure
from backdesk.worker.model.asks import Ask
from backdesk.worker.model.budget import Budget, Spent, read_spent
from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.job import Attempt, Hold, JobRecord, Usage
from backdesk.worker.model.retry import RetryPolicy
from backdesk.worker.store.jobs import moment


def read_record(
    job_id: str,
    fields: Mapping[bytes, bytes],
    events: int,
    awaiting: Sequence[bytes] = (),
    spent: Mapping[bytes, bytes] | None = None,
) -> JobRecord | None:
    """Return the record held by a job's hash, what it awaits and has spent, or None when the hash is empty."""
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
        idempotency_key=_text(raw, "idempotency_key"),
        worker=_text(raw, "worker"),
        events=events,
        created_at=moment(raw["created_at"]),
        run_at=_moment(raw, "run_at"),
        expires_at=_moment(raw, "expires_at"),
        started_at=_moment(raw, "started_at"),
        start_by=_moment(raw, "start_by"),
        finished_at=_moment(raw, "finished_at"),
        timeout_s=int(raw["timeout_ms"]) / 1000 if "timeout_ms" in raw else None,
        retry=RetryPolicy.model_validate_json(raw["retry"]) if "retry" in raw else None,
        failures=int(raw.get("failures", 0)),
        crashes=int(raw.get("crashes", 0)),
        attempts=[_attempt(past) for past in from_json(b"[" + raw.get("past", b"") + b"]")],
        degraded=Failure.model_validate_json(raw["degraded"]) if "degraded" in raw else None,
        cancelling="stop" in raw and raw["state"] == b"running",
        asks=read_asks(awaiting),
        parent=_text(raw, "parent"),
        origin=_text(raw, "origin"),
        replayed_as=_text(raw, "replayed_as"),
        conversation=_text(raw, "conversation"),
        budget=Budget.model_validate_json(raw["budget"]) if "budget" in raw else None,
        spent=Spent.model_validate(read_spent(spent)) if spent else None,
        limited=_parked(raw),
    )


def _parked(raw: Mapping[str, bytes]) -> Hold | None:
    """Return the limit of an outside service that a parked job waits for."""
    if raw["state"] != b"scheduled" or "parked" not in raw:
        return None
    return Hold(scope=raw["parked"].decode(), reason="service", run_at=_moment(raw, "run_at"))


def read_asks(awaiting: Sequence[bytes]) -> list[Ask]:
    """Return what the entries of a job's `awaiting` hash ask for, by name."""
    return sorted(map(read_ask, awaiting), key=lambda ask: ask.name)


def read_ask(entry: bytes) -> Ask:
    """Return what one entry of a job's `awaiting` hash asks for."""
    ask, _, until_ms, _ = from_json(entry)
    expires_at = moment(until_ms) if until_ms else None
    return Ask.model_validate_json(ask).model_copy(update={"expires_at": expires_at})


def _attempt(past: dict[str, Any]) -> Attempt:
    started_at = past["started_at"]
    return Attempt.model_validate(
        past | {"ended_at": moment(past["ended_at"]), "started_at": started_at and moment(started_at)}
    )


def read_event(message: bytes | str) -> JobEvent:
    """Return the event that a message of the channel holds."""
    return JobEvent.model_validate_json(message)


#: The fields of a record that the events of its job have in common, and those that its terminal event tells of.
LOG_FIELDS = ("kind", "tenant", "result", "error", "degraded")


def read_log(job_id: str, values: Sequence[bytes | None], entries: Sequence[bytes], after: int = 0) -> list[JobEvent]:
    """Return the events of a log beyond the number `after`, given its entries and the values of `LOG_FIELDS`."""
    raw = {name: value for name, value in zip(LOG_FIELDS, values, strict=True) if value is not None}
    common = {"job_id": job_id, "kind": raw["kind"].decode(), "tenant": raw["tenant"].decode()}
    return [
        JobEvent.model_validate(common | {"seq": seq} | _logged(raw, entry))
        for seq, entry in enumerate(entries, after + 1)
    ]


def _logged(raw: Mapping[str, bytes], entry: bytes) -> dict[str, Any]:
    attempt, at_ms, event_type, *data = from_json(entry)
    return {"attempt": attempt, "at": moment(at_ms), "type": event_type, "data": data[0] if data else _told(raw)}


def _told(raw: Mapping[str, bytes]) -> Any:
    """Return the data of a terminal event, which is kept in the record alone."""
    if "error" in raw:
        return from_json(raw["error"])
    return {name: from_json(raw[name]) for name in ("result", "degraded") if name in raw}


def _json(raw: Mapping[str, bytes], name: str) -> Any:
    return from_json(raw[name]) if name in raw else None


def _text(raw: Mapping[str, bytes], name: str) -> str | None:
    return raw[name].decode() if name in raw else None


def _moment(raw: Mapping[str, bytes], name: str) -> Any:
    return moment(raw[name]) if name in raw else None

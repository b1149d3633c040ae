"""Reading what the transitions wrote. Pure, so that blocking and asyncio clients share it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json

from backdesk.worker.failure import Failure
from backdesk.worker.model.asks import Ask, AskType
from backdesk.worker.model.blob import BlobRef
from backdesk.worker.model.budget import Budget, Spent, read_spent
from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.job import (
    DEFAULT_PRIORITY,
    Attempt,
    Hold,
    JobFacts,
    JobRecord,
    JobRow,
    JobState,
    Message,
    Usage,
)
from backdesk.worker.model.retry import RetryPolicy
from backdesk.worker.store.fields import Fields, read_object
from backdesk.worker.store.moments import moment
from backdesk.worker.text.json import Unreadable, decode
from backdesk.worker.text.packing import unpacked
from backdesk.worker.text.subject import subject_of

#: The type of what stands in a log and is no event.
UNREADABLE = "unreadable"
#: The field of a record that says how many events its log has, since it is packed.
LOGGED = "events"
#: Stands for a moment that must be there and cannot be read.
_UNKNOWN_MOMENT = datetime.fromtimestamp(0, UTC)


def _text(raw: bytes) -> str:
    return raw.decode()


#: How what a record and a row have in common is read, where it may be missing.
_OPTIONAL: Mapping[str, Callable[[bytes], Any]] = {
    **dict.fromkeys(("run_at", "expires_at", "started_at", "finished_at"), moment),
    **dict.fromkeys(("worker", "parent", "origin", "replayed_as", "steered_into", "conversation"), _text),
    **dict.fromkeys(("error", "degraded"), Failure.model_validate_json),
    "usage": Usage.model_validate_json,
    "slots": int,
}
#: The fields of a job's hash that a row is read from, in the order in which `read_row` takes them.
ROW_FIELDS = (
    *("kind", "tenant", "queue", "state", "priority", "attempt", "created_at"),
    *_OPTIONAL,
    *("stop", "parked", "stranded", "request_blob", "request"),
)


def read_record(
    job_id: str,
    fields: Mapping[bytes, bytes],
    events: int,
    awaiting: Sequence[bytes] = (),
    spent: Mapping[bytes, bytes] | None = None,
) -> JobRecord | None:
    """Return the record held by a job's hash, what it awaits and has spent, or None when the hash is empty.

    Whatever stands in the hash, this raises nothing: what cannot be read has its usual value, and its name is among the
    record's `unreadable`. A job in no state that there is counts as failed.
    """
    if not fields:
        return None
    its = Fields({name.decode("utf-8", "replace"): value for name, value in fields.items()})
    record = JobRecord(
        **_facts(job_id, its),
        request=its.demand("request", decode, None),
        metadata=its.read("metadata", read_object) or {},
        result=its.read("result", read_result),
        request_blob=its.read("request_blob", BlobRef.model_validate_json),
        result_blob=its.read("result_blob", BlobRef.model_validate_json),
        idempotency_key=its.read("idempotency_key", _text),
        events=its.read(LOGGED, int) or events,
        start_by=its.read("start_by", moment),
        timeout_s=its.read("timeout_ms", _seconds),
        retry=its.read("retry", RetryPolicy.model_validate_json),
        failures=its.read("failures", int) or 0,
        crashes=its.read("crashes", int) or 0,
        attempts=its.read("past", _attempts) or [],
        messages=its.read("messages", read_messages) or [],
        masked="masked" in its.raw,
        asks=read_asks(awaiting),
        budget=its.read("budget", Budget.model_validate_json),
        spent=_spent(its, spent),
        version=its.read("version", _text) or None,
        traceparent=its.read("traceparent", _text),
        unreadable=its.unreadable,
    )
    if "state" in its.unreadable:
        message = f"its record cannot be read: {its.unreadable['state'].reason}"
        return record.model_copy(update={"error": record.error or Failure(code="unreadable", message=message)})
    return record


def read_row(job_id: str, values: Sequence[bytes | None], longest: int) -> JobRow:
    """Return the row of a job, given the values of `ROW_FIELDS`, of which a request is cut after so many bytes.

    Like `read_record` it raises nothing.
    """
    its = Fields({name: value for name, value in zip(ROW_FIELDS, values, strict=True) if value is not None})
    request = its.raw.get("request", b"")
    return JobRow(
        **_facts(job_id, its),
        subject=_subject(its.read("request_blob", BlobRef.model_validate_json), request, longest),
        unreadable=sorted(its.unreadable),
    )


def _facts(job_id: str, its: Fields) -> dict[str, Any]:
    """Return the fields that a record and a row have in common."""
    state = its.demand("state", _state, JobState.FAILED)
    return {
        "id": job_id,
        "state": state,
        "kind": its.demand("kind", _text, ""),
        "tenant": its.demand("tenant", _text, ""),
        "queue": its.demand("queue", _text, ""),
        "priority": its.demand("priority", int, DEFAULT_PRIORITY),
        "attempt": its.demand("attempt", int, 0),
        "created_at": its.demand("created_at", moment, _UNKNOWN_MOMENT),
        **{name: its.read(name, read) for name, read in _OPTIONAL.items()},
        "cancelling": "stop" in its.raw and state is JobState.RUNNING,
        "limited": _parked(its, state),
        "stranded": its.read("stranded", _text) if state is JobState.QUEUED else None,
    }


def row_of(record: JobRecord, longest: int) -> JobRow:
    """Return the row of a job whose record is there; the request is looked at no further than so many bytes."""
    request = to_json(record.request)[:longest]
    facts = {name: getattr(record, name) for name in JobFacts.model_fields}
    subject = _subject(record.request_blob, request, longest)
    return JobRow(**facts, subject=subject, unreadable=sorted(record.unreadable))


def _subject(blob: BlobRef | None, request: bytes, longest: int) -> str:
    return f"{blob.bytes:,} bytes, kept as a blob" if blob else subject_of(request, cut=len(request) >= longest)


def _parked(its: Fields, state: JobState) -> Hold | None:
    """Return the limit of an outside service that a parked job waits for."""
    scope = its.read("parked", _text) if state is JobState.SCHEDULED else None
    return Hold(scope=scope, reason="service", run_at=its.read("run_at", moment)) if scope else None


def _spent(its: Fields, spent: Mapping[bytes, bytes] | None) -> Spent | None:
    if not spent:
        return None
    try:
        return Spent.model_validate(read_spent(spent))
    except Exception as error:  # noqa: BLE001 - as above
        its.unreadable["spent"] = Unreadable.of(repr(dict(spent)), error)
        return None


def read_asks(awaiting: Sequence[bytes]) -> list[Ask]:
    """Return what the entries of a job's `awaiting` hash ask for, by name; one that cannot be read says so."""
    return sorted(map(told_ask, awaiting), key=lambda ask: ask.name)


def told_ask(entry: bytes) -> Ask:
    """Return what one entry of a job's `awaiting` hash asks for; one that cannot be read says so."""
    try:
        return read_ask(entry)
    except Exception as error:  # noqa: BLE001 - as above
        return Ask(type=AskType.QUESTION, name="unreadable", prompt=str(Unreadable.of(entry, error)))


def read_ask(entry: bytes) -> Ask:
    """Return what one entry of a job's `awaiting` hash asks for."""
    ask, _, until_ms, _ = decode(entry)
    expires_at = moment(until_ms) if until_ms else None
    return Ask.model_validate_json(ask).model_copy(update={"expires_at": expires_at})


def read_messages(raw: bytes) -> list[Message]:
    """Return the messages that a job has taken, as `steer.lua` keeps them."""
    return [Message(**each | {"at": moment(each["at"])}) for each in decode(b"[" + raw + b"]")]


def read_result(raw: bytes) -> Any:
    """Return the result of a job, which is packed soon after its end."""
    return decode(unpacked(raw))


def _attempts(past: bytes) -> list[Attempt]:
    return [_attempt(each) for each in decode(b"[" + past + b"]")]


def _attempt(past: dict[str, Any]) -> Attempt:
    started_at = past["started_at"]
    return Attempt.model_validate(
        past | {"ended_at": moment(past["ended_at"]), "started_at": started_at and moment(started_at)}
    )


def read_event(message: bytes | str) -> JobEvent:
    """Return the event that a message of the channel or an entry of the log holds; raises ValueError."""
    return JobEvent.model_validate_json(message)


def read_message(message: bytes | str) -> JobEvent | None:
    """Return the event that a message of the channel holds; None when it cannot be read, and the log must be."""
    try:
        return read_event(message)
    except ValueError:
        return None


#: The fields of a record that the events of its job have in common, and those that its terminal event tells of.
LOG_FIELDS = ("kind", "tenant", "result", "result_blob", "error", "degraded")


def read_log(job_id: str, values: Sequence[bytes | None], entries: Sequence[bytes], after: int = 0) -> list[JobEvent]:
    """Return the events of a log beyond the number `after`, given its entries and the values of `LOG_FIELDS`.

    One that cannot be read is of the type `unreadable`, and says why.
    """
    its = Fields({name: value for name, value in zip(LOG_FIELDS, values, strict=True) if value is not None})
    common = {"job_id": job_id, "kind": its.demand("kind", _text, ""), "tenant": its.demand("tenant", _text, "")}
    return [
        JobEvent.model_validate(common | {"seq": seq} | _logged(its.raw, entry))
        for seq, entry in enumerate(entries, after + 1)
    ]


def _logged(raw: Mapping[str, bytes], entry: bytes) -> dict[str, Any]:
    try:
        attempt, at_ms, event_type, *rest = decode(entry)
        data, *replaced = rest or [_told(raw)]
        event = {"attempt": int(attempt), "at": moment(at_ms), "type": str(event_type), "data": dict(data)}
        return event | {"replaced": int(replaced[0])} if replaced else event
    except Exception as error:  # noqa: BLE001 - as above
        told = Unreadable.of(entry, error).model_dump()
        return {"attempt": 0, "at": _UNKNOWN_MOMENT, "type": UNREADABLE, "data": told}


def _told(raw: Mapping[str, bytes]) -> Any:
    """Return the data of a terminal event, which is kept in the record alone."""
    if "error" in raw:
        return decode(raw["error"])
    readers: Mapping[str, Callable[[bytes], Any]] = {"result": read_result, "result_blob": decode, "degraded": decode}
    omitted = {"result_omitted": True} if "result_blob" in raw else {}
    return omitted | {name: read(raw[name]) for name, read in readers.items() if name in raw}


def _state(raw: bytes) -> JobState:
    return JobState(raw.decode())


def _seconds(raw: bytes) -> float:
    return int(raw) / 1000

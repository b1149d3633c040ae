"""What remains of a job that has ended: all that Redis has of it, byte for byte, and how the archive has it packed.

Packed it is compressed JSON. What is no UTF-8 comes back as it was all the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backdesk.worker.failure import Failure
from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.job import JobRecord
from backdesk.worker.store.archive import ArchivedJob
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.records import LOG_FIELDS, read_log, read_record
from backdesk.worker.store.upkeep import Entry
from backdesk.worker.text.packing import packed, unpacked

#: What a job is found by is cut to so many characters: only what was written by hand is longer.
_LONGEST = 255
#: Beyond this a number is no moment.
_LATEST_MS = 2**53


@dataclass(frozen=True, slots=True)
class Remains:
    """What Redis has of a job. Without fields there is no such job."""

    fields: Mapping[bytes, bytes]
    spent: Mapping[bytes, bytes] = field(default_factory=dict)
    children: Sequence[bytes] = ()
    log: Sequence[bytes] = ()
    ledger: Mapping[bytes, bytes] = field(default_factory=dict)
    checkpoint: bytes | None = None

    def value(self, name: str) -> str:
        """Return a field of the record as text, "" for none. What is no UTF-8 is replaced."""
        return self.fields.get(name.encode(), b"").decode("utf-8", "replace")

    def record(self, job_id: str, events: int) -> JobRecord | None:
        """Return the record, as `read_record` does."""
        return read_record(job_id, self.fields, events, spent=self.spent)

    def events(self, job_id: str, after: int = 0) -> list[JobEvent]:
        """Return the log beyond an event number, as `read_log` does."""
        told = [self.fields.get(name.encode()) for name in LOG_FIELDS]
        return read_log(job_id, told, self.log[after:], after)


def commands_for(keys: Keys, job_id: str) -> list[tuple[Any, ...]]:
    """Return the commands of Redis whose replies `remains_of` reads."""
    return [
        ("HGETALL", keys.job(job_id)),
        ("HGETALL", keys.spent(job_id)),
        ("SMEMBERS", keys.children(job_id)),
        ("LRANGE", keys.events(job_id), 0, -1),
        ("HGETALL", keys.ledger(job_id)),
        ("GET", keys.checkpoint(job_id)),
    ]


def remains_of(replies: Sequence[Any]) -> Remains:
    """Return what the replies to `commands_for` hold."""
    fields, spent, children, log, ledger, checkpoint = replies
    return Remains(fields or {}, spent or {}, sorted(children or ()), log or [], ledger or {}, checkpoint)


def archived(job_id: str, its: Remains, now_ms: int) -> ArchivedJob:
    """Return a job as the archive keeps it. One that does not tell when it ended has ended now."""
    ended_ms = _moment(its.value("finished_at"), now_ms)
    return ArchivedJob(
        id=job_id,
        **{name: _short(its.value(name)) for name in ("tenant", "kind", "state")},
        code=_short(_code(its)),
        created_ms=_moment(its.value("created_at"), ended_ms),
        ended_ms=ended_ms,
        events=len(its.log),
        record=_pack({"fields": its.fields, "spent": its.spent, "children": its.children}),
        log=_pack(its.log),
        workings=_pack({"ledger": its.ledger, "checkpoint": its.checkpoint}),
    )


def remains_in(job: ArchivedJob) -> Remains:
    """Return what remains of an archived job; without log and workings where only its record was asked for."""
    workings = _unpack(job.workings) if job.workings else {}
    return Remains(**_unpack(job.record), log=_unpack(job.log) if job.log else [], **workings)


def entries_of(its: Remains) -> Iterator[Entry]:
    """Return the parts of a job one by one, as `restore.lua` puts them back."""
    for part, named in (("field", its.fields), ("spent", its.spent), ("ledger", its.ledger)):
        yield from (Entry(part, name, value) for name, value in named.items())
    for part, values in (("child", its.children), ("log", its.log)):
        yield from (Entry(part, b"", value) for value in values)
    if its.checkpoint is not None:
        yield Entry("checkpoint", b"", its.checkpoint)


def packed_hash(its: Mapping[bytes, bytes]) -> bytes:
    """Return a hash of Redis as the archive has it."""
    return _pack(its)


def unpacked_hash(kept: bytes) -> dict[bytes, bytes]:
    """Return the hash that `packed_hash` was given."""
    found: dict[bytes, bytes] = _raw(_json(kept))
    return found


def _code(its: Remains) -> str:
    try:
        return Failure.model_validate_json(its.fields.get(b"error", b"")).code
    except ValueError:
        return ""


def _short(value: str) -> str:
    return value.replace("\0", "")[:_LONGEST]


def _moment(value: str, otherwise: int) -> int:
    return int(value) if value.isdecimal() and int(value) < _LATEST_MS else otherwise


def _pack(value: Any) -> bytes:
    return packed(json.dumps(_text(value), ensure_ascii=False).encode("utf-8", "surrogateescape"))


def _unpack(kept: bytes) -> Any:
    return _raw(_json(kept), outermost=True)


def _json(kept: bytes) -> Any:
    return json.loads(unpacked(kept).decode("utf-8", "surrogateescape"))


def _text(value: Any) -> Any:
    match value:
        case bytes():
            return value.decode("utf-8", "surrogateescape")
        case Mapping():
            return {_text(name): _text(each) for name, each in value.items()}
        case None | str():
            return value
    return [_text(each) for each in value]


def _raw(value: Any, *, outermost: bool = False) -> Any:
    """Return what was bytes as bytes again; the names of parts were none."""
    match value:
        case str():
            return value.encode("utf-8", "surrogateescape")
        case dict() if outermost:
            return {name: _raw(each) for name, each in value.items()}
        case dict():
            return {_raw(name): _raw(each) for name, each in value.items()}
        case None:
            return None
    return [_raw(each) for each in value]

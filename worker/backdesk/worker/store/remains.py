"""What remains of a job that has ended: all that Redis has of it, byte for byte, and how the archive has it packed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from backdesk.worker.failure import Failure
from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.job import JobRecord
from backdesk.worker.model.sent import Sent
from backdesk.worker.store.archive import ArchivedJob
from backdesk.worker.store.calls import text
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.log import log_commands, masked_kept, packed_log, unpacked_log, unpacked_sent
from backdesk.worker.store.records import LOG_FIELDS, LOGGED, read_log, read_record
from backdesk.worker.store.upkeep import Entry
from backdesk.worker.text.packing import packed_bytes, unpacked_bytes
from backdesk.worker.text.personal import impersonal_json

#: What a job is found by is cut to so many characters: only what was written by hand is longer.
_LONGEST = 255
#: Beyond this a number is no moment.
_LATEST_MS = 2**53
_LOGGED = LOGGED.encode()
_MASKED = b"masked"
_BLOB = b"request_blob"


@dataclass(frozen=True, slots=True)
class Remains:
    """What Redis has of a job. Without fields there is no such job."""

    fields: Mapping[bytes, bytes]
    spent: Mapping[bytes, bytes] = field(default_factory=dict)
    children: Sequence[bytes] = ()
    #: Events and requests to models, packed however Redis has them; empty where only the record was asked for.
    log: bytes = b""
    #: Events in the log.
    logged: int = 0
    ledger: Mapping[bytes, bytes] = field(default_factory=dict)
    checkpoint: bytes | None = None

    def value(self, name: str) -> str:
        """Return a field of the record as text, "" for none. What is no UTF-8 is replaced."""
        return self.fields.get(name.encode(), b"").decode("utf-8", "replace")

    def record(self, job_id: str) -> JobRecord | None:
        """Return the record, as `read_record` does."""
        return read_record(job_id, self.fields, self.logged, spent=self.spent)

    def events(self, job_id: str, after: int = 0) -> list[JobEvent]:
        """Return the log beyond an event number, as `read_log` does."""
        told = [self.fields.get(name.encode()) for name in LOG_FIELDS]
        return read_log(job_id, told, unpacked_log(self.log)[after:], after)

    def sent(self) -> list[Sent]:
        """Return what it has sent to models."""
        return unpacked_sent(self.log)


def commands_for(keys: Keys, job_id: str) -> list[tuple[Any, ...]]:
    """Return the commands of Redis whose replies `remains_of` reads."""
    return [
        ("HGETALL", keys.job(job_id)),
        ("HGETALL", keys.spent(job_id)),
        ("SMEMBERS", keys.children(job_id)),
        ("LRANGE", keys.sent(job_id), 0, -1),
        *log_commands(keys, job_id),
        ("HGETALL", keys.ledger(job_id)),
        ("GET", keys.checkpoint(job_id)),
    ]


def remains_of(replies: Sequence[Any]) -> Remains:
    """Return what the replies to `commands_for` hold."""
    fields, spent, children, sent, listed, kept, ledger, checkpoint = replies
    fields, log, logged = dict(fields or {}), kept or packed_log(listed or (), sent or ()), len(listed or ())
    if kept:
        logged = _moment(text(fields.pop(_LOGGED, b"")), 0)
    return Remains(fields, spent or {}, sorted(children or ()), log, logged, ledger or {}, checkpoint)


def archived(job_id: str, its: Remains, now_ms: int) -> ArchivedJob:
    """Return a job as the archive keeps it. One that does not tell when it ended has ended now."""
    ended_ms = _moment(its.value("finished_at"), now_ms)
    return ArchivedJob(
        id=job_id,
        **{name: _short(its.value(name)) for name in ("tenant", "kind", "state")},
        code=_short(_code(its)),
        created_ms=_moment(its.value("created_at"), ended_ms),
        ended_ms=ended_ms,
        events=its.logged,
        record=packed_bytes({"fields": its.fields, "spent": its.spent, "children": its.children}),
        log=its.log,
        workings=packed_bytes({"ledger": its.ledger, "checkpoint": its.checkpoint}),
    )


def remains_in(job: ArchivedJob) -> Remains:
    """Return what remains of an archived job; without log and workings where only its record was asked for."""
    parts = unpacked_bytes(job.record) | (unpacked_bytes(job.workings) if job.workings else {})
    return Remains(**{text(name): part for name, part in parts.items()}, log=job.log, logged=job.events)


def masked_remains(its: Remains) -> Remains:
    """Return what remains of a job as it is kept masked; without what would only help to do it again."""
    fields = masked_fields(its.fields)
    if fields == its.fields and _MASKED not in fields:
        return its
    return replace(its, fields=fields, log=masked_kept(its.log) if its.log else b"", ledger={}, checkpoint=None)


def masked_fields(fields: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
    """Return the fields of a record as they are kept masked; the same where there is nothing to mask."""
    request = impersonal_json(fields.get(b"request", b"null"))
    messages = impersonal_json(b"[" + fields.get(b"messages", b"") + b"]").removeprefix(b"[").removesuffix(b"]")
    changed = {name: kept for name, kept in ((b"request", request), (b"messages", messages)) if kept}
    if not changed and not {_MASKED, _BLOB} & fields.keys():
        return fields
    kept = {**fields, **changed, _MASKED: b"1"}
    kept.pop(_BLOB, None)  # what is in it cannot be masked, and goes
    kept.pop(b"delivery", None)  # the same request, as a plain Celery client has sent it
    return kept


def entries_of(its: Remains) -> Iterator[Entry]:
    """Return the parts of a job one by one, as `restore.lua` puts them back."""
    for part, named in (("field", its.fields), ("spent", its.spent), ("ledger", its.ledger)):
        yield from (Entry(part, name, value) for name, value in named.items())
    yield from (Entry("child", b"", child) for child in its.children)
    if its.log:
        yield Entry("log", b"", its.log)
        yield Entry("field", _LOGGED, str(its.logged).encode())
    if its.checkpoint is not None:
        yield Entry("checkpoint", b"", its.checkpoint)


def packed_hash(its: Mapping[bytes, bytes]) -> bytes:
    """Return a hash of Redis as the archive has it."""
    return packed_bytes(its)


def unpacked_hash(kept: bytes) -> dict[bytes, bytes]:
    """Return the hash that `packed_hash` was given."""
    found: dict[bytes, bytes] = unpacked_bytes(kept)
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

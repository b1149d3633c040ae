"""Rewinding: a job that came to nothing is done again from a step of its own, as a new job.

What stood in the ledger before the step is taken over; the step and all after it are done anew. The checkpoint is not:
it says where the work was in the end. Steps have the idempotency keys of the first job, so that only what is unsafe
would happen twice.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from backdesk.client.operations.dead_letters import kept_options
from backdesk.client.operations.jobs import JobOperations, Written
from backdesk.client.operations.operation import Commands, Operation
from backdesk.client.operations.steps import UNKNOWN, Memory, MemoryOperations, Remembered
from backdesk.worker.errors import InvalidRequest, NotReplayable
from backdesk.worker.model.contract import encode_json
from backdesk.worker.model.job import JobRecord, JobState
from backdesk.worker.model.plan import PLAN
from backdesk.worker.submit.admission import admit

#: Steps that are named in a refusal.
_NAMED = 5


class RewindOperations:
    """The operation that rewinds a job."""

    def __init__(self, core: JobOperations) -> None:
        self._core = core

    def rewind(
        self, job_id: str, to: str | int, request: object | None, values: Mapping[str, Any], *, repeat: bool
    ) -> Operation[Written]:
        """Write the job that goes on from there, and return what that came to."""
        record = yield from self._core.get(job_id)
        if not record.done:
            raise NotReplayable(job_id, f"it is {record.state}; cancel it first")
        if record.state is JobState.SUCCEEDED:
            raise NotReplayable(job_id, "it has succeeded, and what its steps returned is kept no longer")
        if record.masked:
            raise NotReplayable(job_id, "its request is kept masked, and what its steps returned is not kept")
        if not record.queue:
            raise NotReplayable(job_id, "it was rejected as a message, and has done nothing")
        yield from self._core.archived.restore(job_id)
        memory = yield from MemoryOperations(self._core).of(job_id)
        (checkpoint,) = yield Commands([("EXISTS", self._core.keys.checkpoint(job_id))])
        at = _position(job_id, memory, to)
        entries = self._entries(memory, values)
        if not repeat:
            _check_harmless(job_id, memory, at, entries, checkpoint=bool(checkpoint))
        plan = to_json({"without": [*(each.name for each in memory[at:]), PLAN], "with": entries}).decode()
        check = yield from self._core.check(record.kind)
        new = admit(
            (yield from self._id_of(record, plan, request)),
            record.kind,
            (yield from self._core.request_of(record)) if request is None else request,
            check,
            kept_options(record, request),
            max_request_bytes=self._core.settings.largest_request_bytes,
            origin=record.id,
            resumes=plan,
        )
        return (yield from self._core.write(new))

    def _entries(self, memory: Memory, values: Mapping[str, Any]) -> dict[str, str]:
        """Return the edited results of steps as the ledger keeps them. Raises InvalidRequest."""
        most, known = self._core.settings.max_result_bytes, {each.key for each in memory if each.type == "step"}
        entries = {}
        for key, value in values.items():
            if key not in known:
                raise InvalidRequest(f"values.{key}", "the job has done no step of this name")
            encoded = encode_json(f"values.{key}", value)
            if len(encoded) > most:
                raise InvalidRequest(f"values.{key}", f"is {len(encoded)} bytes as JSON, the limit is {most}")
            entries[f"step:{key}"] = f'{{"state":"done","value":{encoded.decode()}}}'
        return entries

    def _id_of(self, record: JobRecord, plan: str, request: object | None) -> Operation[str]:
        """Name the job after what is asked, so that a call that is repeated while it goes on finds it."""
        asked = hashlib.blake2b(f"{plan}\0".encode() + to_json(request), digest_size=16).hexdigest()
        name = record.id
        while True:
            name = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{name}/rewound/{asked}"))
            (before,) = yield from self._core.records([name])
            if before is None or not before.done or before.state is JobState.SUCCEEDED:
                yield from self._core.archived.restore(name)  # there it is found, and not written again
                return name


def _position(job_id: str, memory: Memory, to: str | int) -> int:
    """Return up to where what the job remembers is taken over. Raises NotReplayable."""
    if isinstance(to, int):
        if not 0 <= to <= len(memory):
            raise NotReplayable(job_id, f"it remembers {len(memory)} steps, and has none at {to}")
        at = to
    else:
        found = [at for at, each in enumerate(memory) if to in {each.name, each.key}]
        if len(found) != 1:
            names = ", ".join(each.name for each in memory) or "nothing"
            what = "several things are" if found else "nothing is"
            raise NotReplayable(job_id, f"{what} called {to!r} in what it remembers: {names}")
        (at,) = found
    if 0 < at < len(memory) and memory[at].taken_over:
        raise NotReplayable(job_id, f"it has taken {memory[at].name} over: rewind the job of which it is a replay")
    return at


def _check_harmless(job_id: str, memory: Memory, at: int, edited: Mapping[str, str], *, checkpoint: bool) -> None:
    """Raise NotReplayable if something would be done twice that must not be."""
    # What a body did by its checkpoint it may do again under another name, though it is taken over under the old one.
    again = memory if checkpoint else [each for each in memory[at:] if each.name not in edited]
    if harmed := [_in_words(each) for each in again if _harms(each)]:
        told = ", ".join(harmed[:_NAMED]) + (f" and {len(harmed) - _NAMED} more" if len(harmed) > _NAMED else "")
        why = "the job has had a checkpoint, which is given up, so that this" if checkpoint else "this"
        raise NotReplayable(job_id, f"{why} would be done again: {told}; rewind it with repeat=True if that is meant")


def _harms(done: Remembered) -> bool:
    """Whether it might do harm to do something again."""
    if done.type == "step":
        return done.outcome == UNKNOWN or done.effect not in {"pure", "idempotent"}
    return done.type == "call" and done.outcome == JobState.SUCCEEDED


def _in_words(done: Remembered) -> str:
    return f"{done.name} ({done.effect or 'of unknown effect'})" if done.type == "step" else done.name

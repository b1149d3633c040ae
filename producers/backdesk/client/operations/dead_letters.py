"""Dead letters: the jobs that failed for good. They are looked through, asked for again, or forgotten.

A replay is a new job that comes in by the ordinary way; it and its origin name each other.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from backdesk.client.operations.jobs import JobOperations, Written
from backdesk.client.operations.lists import JobPage, ListOperations
from backdesk.client.operations.operation import Calls, Operation
from backdesk.client.operations.since import Since, since_ms
from backdesk.worker.errors import BackdeskError, NotReplayable
from backdesk.worker.failure import Category
from backdesk.worker.model.job import DEFAULT_PRIORITY, JobRecord, JobState
from backdesk.worker.model.options import JobOptions
from backdesk.worker.model.webhook import is_delivery
from backdesk.worker.store.listing import JobFilter
from backdesk.worker.store.moments import milliseconds
from backdesk.worker.submit.admission import admit, conversation_of

#: Dead letters forgotten by one script call.
DROPPED_A_CALL = 200


@dataclass(frozen=True, slots=True)
class DeadFilter:
    """Which dead letters are meant. `since` is a moment, or how long ago; without `replayed`, only the open ones."""

    tenant: str | None = None
    kind: str | None = None
    code: str | None = None
    category: Category | str | None = None
    since: Since | None = None
    replayed: bool = False

    def jobs(self, now: datetime) -> JobFilter:
        """Return it as a filter of jobs; raises InvalidRequest."""
        oldest_ms = None if self.since is None else since_ms("since", self.since, milliseconds(now))
        return JobFilter(JobState.FAILED, self.tenant, self.kind, self.code, self.category, oldest_ms, self.replayed)


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of a dead letter that was to be replayed: the new job, or why there is none."""

    origin: str
    job_id: str | None = None
    created: bool = False
    refused: BackdeskError | None = None


Replays = list[Replay]


class DeadLetterOperations:
    """The operations on dead letters."""

    def __init__(self, core: JobOperations) -> None:
        self._core = core
        self._lists = ListOperations(core)

    def list(self, meant: DeadFilter, limit: int, cursor: str | None) -> Operation[JobPage]:
        """Return a page of those that fit."""
        return self._lists.records(meant.jobs(datetime.now(UTC)), limit, cursor)

    def replay(
        self, job_id: str, request: object | None, changes: Mapping[str, Any], *, resume: bool
    ) -> Operation[Written]:
        """Write the job that does it again, and return what that came to."""
        record = yield from self._core.get(job_id)
        _check_replayable(record, request)
        yield from self._core.archived.restore(record.id)
        new_id = yield from self._id_of_replay(record)
        check = yield from self._core.check(record.kind)
        new = admit(
            new_id,
            record.kind,
            (yield from self._core.request_of(record)) if request is None else request,
            check,
            replace(kept_options(record, request), **changes),
            max_request_bytes=self._core.settings.largest_request_bytes,
            origin=record.id,
            resumes=resume,
        )
        return (yield from self._core.write(new))

    def replay_many(self, meant: DeadFilter, limit: int, *, resume: bool) -> Operation[Replays]:
        """Replay those that fit, the oldest first; one that is refused does not hold up the others."""
        records = yield from self._lists.all(meant.jobs(datetime.now(UTC)), limit)
        done = []
        for record in reversed(records):
            try:
                written = yield from self.replay(record.id, None, {}, resume=resume)
                done.append(Replay(record.id, written.id, written.created))
            except BackdeskError as error:
                done.append(Replay(record.id, refused=error))
        return done

    def drop(self, job_ids: Sequence[str]) -> Operation[int]:
        """Forget dead letters, also those in the archive; returns how many there were among these jobs."""
        parts = [job_ids[at : at + DROPPED_A_CALL] for at in range(0, len(job_ids), DROPPED_A_CALL)]
        dropped = 0
        for part in parts:
            were_here = yield from self._core.archived.here(part)
            dropped += sum((yield Calls([self._core.transitions.drop(part)])))
            dropped += len((yield from self._drop_archived(part)) - were_here)
        return dropped

    def _drop_archived(self, job_ids: Sequence[str]) -> Operation[set[str]]:
        """Have the archive forget dead letters; returns which. What Redis still has was none to be dropped."""
        gone = {*job_ids} - (yield from self._core.archived.here(job_ids))
        found = yield from self._core.archived.find([*gone], whole=False)
        failed = [each.id for each in found if each.state == JobState.FAILED]
        yield from self._core.archived.drop(failed)
        return {*failed}

    def _id_of_replay(self, record: JobRecord) -> Operation[str]:
        """Name the next replay after the one before it, so that a repeated call finds what the first has made.

        A replay that goes on, or has succeeded, is not repeated: its id is the answer.
        """
        if record.replayed_as is not None:
            (newest,) = yield from self._core.records([record.replayed_as])
            if newest and (not newest.done or newest.state is JobState.SUCCEEDED):
                yield from self._core.archived.restore(newest.id)  # there it is found, and not written again
                return newest.id
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{record.id}/replay-after/{record.replayed_as or ''}"))


def _check_replayable(record: JobRecord, request: object | None) -> None:
    if record.state is not JobState.FAILED:
        raise NotReplayable(record.id, f"it is {record.state}; only a job that failed can")
    if is_delivery(record.kind) and request is not None:
        raise NotReplayable(record.id, "what was delivered is sent as it was, or not at all; give no request")
    if record.unreadable.keys() - {"request"} or ("request" in record.unreadable and request is None):
        raise NotReplayable(record.id, f"parts of it cannot be read: {', '.join(sorted(record.unreadable))}")
    if record.masked and request is None:
        raise NotReplayable(record.id, "its request is kept masked; give the whole one")
    if not record.queue and request is None:
        raise NotReplayable(record.id, "it was rejected as a message, so there is no request to repeat; give one")


def kept_options(record: JobRecord, request: object | None) -> JobOptions:
    """Return the options that a replay takes over; an edited request may name another conversation."""
    return JobOptions(
        tenant=record.tenant,
        priority=record.priority if record.queue else DEFAULT_PRIORITY,
        metadata=record.metadata,
        timeout=record.timeout_s,
        retry=record.retry,
        budget=record.budget,
        slots=record.slots,
        traceparent=record.traceparent,
        conversation_id=record.conversation if conversation_of(request) is None else None,
    )

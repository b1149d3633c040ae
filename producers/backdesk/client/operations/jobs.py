"""What the job clients do with jobs of any state; answers and dead letters have modules of their own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from backdesk.client.contracts import NamedKind, name_of
from backdesk.client.operations.archived import ArchivedJobs
from backdesk.client.operations.holds import with_holds
from backdesk.client.operations.kinds import AnnouncedKinds
from backdesk.client.operations.operation import Calls, Command, Commands, InBlobs, Operation
from backdesk.worker.errors import InvalidRequest, JobFailed, JobNotFound, NotCancellable
from backdesk.worker.failure import Failure
from backdesk.worker.model.blob import BlobRef
from backdesk.worker.model.contract import KindContract, RequestCheck
from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.health import WorkerFacts
from backdesk.worker.model.job import TERMINAL, JobRecord, JobState
from backdesk.worker.model.options import WHEN_BUSY, JobOptions
from backdesk.worker.settings import Settings
from backdesk.worker.store.fields import readable
from backdesk.worker.store.jobs import NewJob, SubmitCode, Transitions
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.log import log_commands, log_entries
from backdesk.worker.store.records import LOG_FIELDS, read_log, read_record
from backdesk.worker.submit.admission import admit, check_key, check_taken
from backdesk.worker.submit.claim_check import check_in, redeemed
from backdesk.worker.telemetry.tracing import join, sending
from backdesk.worker.text.json import decode

# Named here because inside the clients `list` is a method.
Ids = list[str]
Replies = list[Any]
MaybeRecords = list[JobRecord | None]
Contracts = list[KindContract]
Announcements = list[WorkerFacts]
Events = list[JobEvent]

#: Jobs written by one script call, and calls in one round trip, of `submit_many`.
JOBS_A_CALL = 50
CALLS_A_TRIP = 20
JOBS_A_TRIP = JOBS_A_CALL * CALLS_A_TRIP
#: Events in one answer; each may have BACKDESK_MAX_EVENT_BYTES.
EVENTS_A_PAGE = 200


class Written(NamedTuple):
    """What a submit came to: the job, whether this call made it, and whether it has ended and is forgotten."""

    id: str
    created: bool
    forgotten: bool = False

    def by_this_call(self, chosen: str) -> Written:
        """Return it as made by this call if it has the id that this call chose: it was written before a break then."""
        return self._replace(created=True) if self.id == chosen else self


class JobOperations:
    """The operations of a job client on one deployment."""

    def __init__(self, settings: Settings, checks: Mapping[str, RequestCheck] | None = None) -> None:
        join(settings)
        self.settings = settings
        self.keys = Keys(settings.prefix)
        self.transitions = Transitions(settings)
        self.announced = AnnouncedKinds(settings)
        self.archived = ArchivedJobs(settings)
        #: What the caller vouches for: kinds that need not be announced.
        self._given = checks or {}

    def submit(self, kind: NamedKind, request: object, options: JobOptions, job_id: str | None) -> Operation[Written]:
        """Write a job, and return what it came to."""
        check = yield from self.check(kind)
        job = self._admit(new_job_id() if job_id is None else job_id, name_of(kind), request, check, options)
        written = yield from self.write(job)
        return written.by_this_call(job.id) if job_id is None else written

    def write(self, job: NewJob) -> Operation[Written]:
        """Write a job that was admitted. Raises IdempotencyConflict and what else keeps the store from taking it."""
        job = yield from self._checked_in(job)
        with sending([job]) as sent:
            ((answer,),) = yield Calls([self.transitions.submit(sent)])
        return _written(job, *answer)

    def _checked_in(self, job: NewJob) -> Operation[NewJob]:
        """Return a job as it can be written: with its request among the blobs if that is too large for Redis."""
        if len(job.request) <= self.settings.inline_request_bytes:
            return job
        (checked_in,) = yield InBlobs(partial(check_in, job))
        return checked_in  # type: ignore[no-any-return]  # answers are of any type

    def request_of(self, record: JobRecord) -> Operation[Any]:
        """Return the request of a job, wherever it is. Raises BlobError."""
        return (yield from self._value(record.request, record.request_blob, record.tenant))

    def outcome_of(self, record: JobRecord) -> Operation[Any]:
        """Return the result of a job that has ended, wherever it is. Raises JobFailed when it has none, BlobError."""
        return (yield from self._value(outcome_of(record), record.result_blob, record.tenant))

    def _value(self, value: Any, blob: BlobRef | None, tenant: str) -> Operation[Any]:
        if blob is None:
            return value
        (encoded,) = yield InBlobs(partial(redeemed, blob, tenant=tenant))
        return decode(encoded)

    def submit_many(
        self,
        kind: NamedKind,
        requests: Iterable[object],
        options: JobOptions,
        batch: str | None,
        keys: Iterable[str] | None,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> Operation[list[Written]]:
        """Write many jobs, and return what they came to, in the order of the requests.

        All are checked before one is written. `progress` is told how many are, after each round trip.
        """
        _check_for_many(options, batch)
        check = yield from self.check(kind)
        jobs, written = list[NewJob](), list[Written]()
        for number, (request, each) in enumerate(_with_keys([*requests], options, keys)):
            with _position(number):
                job_id = id_in_batch(batch, options.tenant, number)
                jobs.append(self._admit(job_id, name_of(kind), request, check, each))
        for at in range(0, len(jobs), JOBS_A_TRIP):
            for place in range(at, min(at + JOBS_A_TRIP, len(jobs))):
                jobs[place] = yield from self._checked_in(jobs[place])
            with sending(jobs[at : at + JOBS_A_TRIP]) as sent:
                parts = [sent[first : first + JOBS_A_CALL] for first in range(0, len(sent), JOBS_A_CALL)]
                answers = yield Calls([self.transitions.submit(part) for part in parts])
            for part, replies in zip(parts, answers, strict=True):
                written += [_written(job, *reply) for job, reply in zip(part, replies, strict=True)]
            if progress:
                progress(len(written))
        return written if batch else [each.by_this_call(job.id) for job, each in zip(jobs, written, strict=True)]

    def get(self, job_id: str) -> Operation[JobRecord]:
        """Return the record; raises JobNotFound."""
        (record,) = yield from self.records([job_id])
        if record is None:
            raise JobNotFound(job_id)
        (record,) = yield from with_holds(self.keys, [record])
        return record

    def events(self, job_id: str, after: int) -> Operation[tuple[Events, bool]]:
        """Return the logged events with a seq over `after`, and whether the job has ended; raises JobNotFound."""
        if isinstance(after, bool) or not isinstance(after, int) or after < 0:
            raise InvalidRequest("after", f"{after!r} must be the number of an event, or 0")
        state, events = yield from self.log(job_id, after)
        return events, state in TERMINAL

    def log(self, job_id: str, skipped: int = 0) -> Operation[tuple[str, Events]]:
        """Return the state of a job, and its log but for so many events at the beginning; raises JobNotFound.

        It is read by pages, which may be many, while the job goes on or until it is found packed.
        """
        # The state first: if it is terminal, the log read after it holds the terminal event.
        state, page, packed, values = yield Commands(
            [("HGET", self.keys.job(job_id), "state"), *self._page_of_log(job_id, skipped)]
        )
        if state is None:
            remains = yield from self.archived.demand(job_id)
            return remains.value("state"), remains.events(job_id, skipped)
        raw = log_entries(page, packed, skipped)
        while len(page) == EVENTS_A_PAGE and packed is None:
            page, packed, values = yield Commands(self._page_of_log(job_id, skipped + len(raw)))
            raw += log_entries(page, packed, skipped + len(raw))
        return state.decode(), read_log(job_id, values, raw, skipped)

    def _page_of_log(self, job_id: str, first: int) -> list[Command]:
        # The record after the log: what a terminal event tells of is in it when the event is in the log.
        values = ("HMGET", self.keys.job(job_id), *LOG_FIELDS)
        return [*log_commands(self.keys, job_id, first, first + EVENTS_A_PAGE - 1), values]

    def ended(self, job_id: str) -> Operation[bool]:
        """Return whether a job has ended; raises JobNotFound."""
        (state,) = yield Commands([("HGET", self.keys.job(job_id), "state")])
        return (state.decode() if state else (yield from self.archived_state(job_id))) in TERMINAL

    def cancel(self, job_id: str, reason: str) -> Operation[JobState]:
        """End a job, or ask its attempt to; returns the state it is in now, raises JobNotFound or NotCancellable."""
        ((cancelled, state),) = yield Calls([self.transitions.cancel(job_id, reason)])
        if not cancelled:
            raise NotCancellable(job_id, state or (yield from self.archived_state(job_id)))
        return JobState(state)

    def archived_state(self, job_id: str) -> Operation[JobState]:
        """Return in which state a job that Redis does not have has ended; raises JobNotFound."""
        found = yield from self.archived.records([job_id])
        if job_id not in found:
            raise JobNotFound(job_id)
        return found[job_id].state

    def kinds(self) -> Operation[Contracts]:
        """Return the contracts that workers have announced, by name."""
        return self.announced.list()

    def workers(self) -> Operation[Announcements]:
        """Return what live workers announce of themselves, by name."""
        (names,) = yield Commands([("ZRANGE", self.keys.workers, 0, -1)])
        raw = yield Commands([("GET", self.keys.worker(name.decode())) for name in sorted(names)])
        announced = [(name, entry) for name, entry in zip(sorted(names), raw, strict=True) if entry]
        return [*readable(announced, WorkerFacts.model_validate_json)]

    def counts(self) -> Operation[dict[JobState, int]]:
        """Return how many jobs are in each state."""
        sizes = yield Commands([("ZCARD", self.keys.state(state)) for state in JobState])
        return dict(zip(JobState, sizes, strict=True))

    def records(self, ids: Sequence[str]) -> Operation[MaybeRecords]:
        """Return the records of jobs, None for each that is not there, in one round trip and one to the archive."""
        if not ids:
            return []
        replies = yield Commands(
            [
                command
                for job_id in ids
                # The count first: whoever watches from it on sees the end of a job that the record shows as running.
                for command in (
                    ("LLEN", self.keys.events(job_id)),
                    ("HGETALL", self.keys.job(job_id)),
                    ("HVALS", self.keys.awaiting(job_id)),
                    ("HGETALL", self.keys.spent(job_id)),
                )
            ]
        )
        each = zip(ids, replies[::4], replies[1::4], replies[2::4], replies[3::4], strict=True)
        found = [
            read_record(job_id, fields, events, awaiting, spent) for job_id, events, fields, awaiting, spent in each
        ]
        missing = [job_id for job_id, record in zip(ids, found, strict=True) if record is None]
        archived = yield from self.archived.records(missing)
        return [record or archived.get(job_id) for job_id, record in zip(ids, found, strict=True)]

    def check(self, kind: NamedKind) -> Operation[RequestCheck]:
        """Return what checks requests of a kind; raises UnknownKind."""
        return self.announced.check(kind, self._given.get(name_of(kind)))

    def _admit(self, job_id: str, kind: str, request: object, check: RequestCheck, options: JobOptions) -> NewJob:
        return admit(job_id, kind, request, check, options, max_request_bytes=self.settings.largest_request_bytes)


@contextmanager
def _position(number: int) -> Iterator[None]:
    """Say of what is refused which of the requests it is, as in `[3].message`."""
    try:
        yield
    except InvalidRequest as error:
        raise InvalidRequest.of({f"[{number}].{field}": reason for field, reason in error.fields.items()}) from None


def _written(job: NewJob, code: SubmitCode, found: str) -> Written:
    check_taken(job, code, found)
    return Written(found, code is SubmitCode.CREATED, code is SubmitCode.FORGOTTEN)


def _check_for_many(options: JobOptions, batch: str | None) -> None:
    if options.idempotency_key is not None:
        raise InvalidRequest("idempotency_key", "names one job; give idempotency_keys, one for each request")
    if options.when_busy != WHEN_BUSY[0]:
        raise InvalidRequest("when_busy", "is for one job; use submit for it")
    check_key("batch", batch)


def _with_keys(
    requests: Sequence[object], options: JobOptions, keys: Iterable[str] | None
) -> Iterator[tuple[object, JobOptions]]:
    """Return each request with its options."""
    if keys is None:
        return ((request, options) for request in requests)
    named = [*keys]
    if len(named) != len(requests):
        reason = f"there are {len(named)} for {len(requests)} requests: give one for each"
        raise InvalidRequest("idempotency_keys", reason)
    return ((request, replace(options, idempotency_key=key)) for request, key in zip(requests, named, strict=True))


def id_in_batch(batch: str | None, tenant: str, number: int) -> str:
    """Return the id of a job of a batch: always the same, so that who asks for a batch again makes no job twice."""
    if batch is None:
        return new_job_id()
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"backdesk/batch/{tenant}/{batch}/{number}"))


def new_job_id() -> str:
    """Return an id that no other job has: a random UUID."""
    return str(uuid.uuid4())


def outcome_of(record: JobRecord) -> Any:
    """Return the result of a job that has ended; raises JobFailed when it has none."""
    if record.state is JobState.SUCCEEDED:
        return record.result
    failure = record.error or Failure(code="unknown", message="no reason was recorded")
    raise JobFailed(record.id, record.state, failure)

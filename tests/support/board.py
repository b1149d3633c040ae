"""A job store in a test's hands: every transition as one short call, under a clock that the test sets."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, TypeVar

import redis
from pydantic_core import from_json, to_json

from worker.admission import fingerprint
from worker.events import EventDraft, JobEvent
from worker.failure import Failure
from worker.job import Claim, Failed, JobRecord, JobState, Outcome, Refused, Succeeded, Usage
from worker.keys import Keys
from worker.settings import Settings, celery_queue
from worker.store.records import read_event, read_record
from worker.store.script import Call, run
from worker.store.transitions import NewJob, SubmitCode, Transitions

T = TypeVar("T")

#: 2026-03-01T12:00:00Z: any moment will do, as long as it is always the same.
NOON_MS = 1_772_366_400_000


class Clock:
    """The time in ms, which stands still until it is moved."""

    def __init__(self, now_ms: int = NOON_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def advance(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)


class Board:
    """The transitions of one deployment on one Redis."""

    def __init__(self, client: redis.Redis, settings: Settings, clock: Clock | None = None) -> None:
        self.client = client
        self.settings = settings
        self.keys = Keys(settings.prefix)
        self.clock = clock or Clock()
        self.transitions = Transitions(settings, self.clock if clock else None)
        self._ids = itertools.count(1)
        self._tokens = itertools.count(1)

    def run(self, call: Call[T]) -> T:
        return run(self.client, call)

    def job(self, job_id: str | None = None, **fields: Any) -> NewJob:
        """A new job; `request` is any JSON data."""
        kind, tenant = fields.pop("kind", "test.echo"), fields.pop("tenant", "acme")
        request = to_json(fields.pop("request", {"text": "hello"}))
        defaults: dict[str, Any] = {"queue": "agents", "priority": 5}
        return NewJob(
            id=job_id or f"job-{next(self._ids)}",
            kind=kind,
            tenant=tenant,
            request=request,
            fingerprint=fingerprint(tenant, kind, request),
            **{**defaults, **fields},
        )

    def submit(self, job_id: str | None = None, **fields: Any) -> str:
        """Submit a job that must be new, and return its id."""
        ((code, found),) = self.run(self.transitions.submit([self.job(job_id, **fields)]))
        assert code is SubmitCode.CREATED
        return found

    def submit_many(self, count: int, **fields: Any) -> list[str]:
        return [found for _, found in self.run(self.transitions.submit([self.job(**fields) for _ in range(count)]))]

    def claim(self, job_id: str, worker: str = "worker-1", token: str | None = None) -> Claim | Refused:
        return self.run(self.transitions.claim(job_id, worker, token or f"token-{next(self._tokens)}"))

    def start(self, job_id: str, worker: str = "worker-1") -> Claim:
        """Claim a job that must be there to claim."""
        claim = self.claim(job_id, worker)
        assert isinstance(claim, Claim)
        return claim

    def emit(self, claim: Claim, *types: str, first: int = 0, data: Mapping[str, Any] | None = None) -> int | None:
        drafts = [EventDraft(event_type, to_json(dict(data or {}))) for event_type in types]
        return self.run(self.transitions.emit(claim, first, drafts))

    def succeed(self, claim: Claim, result: object = "done") -> bool:
        return self.finish(claim, Succeeded(to_json(result)))

    def fail(self, claim: Claim, code: str = "broken", message: str = "it broke") -> bool:
        return self.finish(claim, Failed(Failure(code=code, message=message)))

    def finish(self, claim: Claim, outcome: Outcome, usage: Usage | None = None) -> bool:
        return self.run(self.transitions.end(claim, outcome, usage or Usage()))

    def reap(self) -> list[str]:
        return self.run(self.transitions.reap())

    def lose(self, job_id: str) -> None:
        """Let the lease of a running job run out and be taken back."""
        self.clock.advance(self.settings.lease_s + 1)
        assert job_id in self.reap()

    def announce(self, worker: str = "worker-1", ttl_s: float = 6, **slots: int) -> int:
        return self.run(self.transitions.announce(worker, round(ttl_s * 1000), {"name": worker, "slots": slots}))

    def record(self, job_id: str) -> JobRecord:
        record = self.find(job_id)
        assert record is not None, f"no job {job_id}"
        return record

    def find(self, job_id: str) -> JobRecord | None:
        fields: dict[Any, Any] = self.client.hgetall(self.keys.job(job_id))
        awaiting: list[Any] = self.client.hvals(self.keys.awaiting(job_id))
        return read_record(job_id, fields, int(self.client.llen(self.keys.events(job_id))), awaiting)

    def state(self, job_id: str) -> JobState:
        return self.record(job_id).state

    def log(self, job_id: str) -> list[bytes]:
        """The event log as it is stored."""
        entries: list[Any] = self.client.lrange(self.keys.events(job_id), 0, -1)
        return entries

    def events(self, job_id: str) -> list[JobEvent]:
        return [read_event(entry) for entry in self.log(job_id)]

    def event_types(self, job_id: str) -> list[str]:
        return [event.type for event in self.events(job_id)]

    def delivered(self, queue: str = "agents") -> list[str]:
        """Ids of the jobs that Celery would be given, in the order in which it takes them."""
        messages = self.client.lrange(celery_queue(self.settings.prefix, queue), 0, -1)
        return [from_json(message)["headers"]["id"] for message in reversed(messages)]

    def take_delivery(self, queue: str = "agents") -> str | None:
        """Take the next message from Celery's list, as a worker does; returns the id in it."""
        message: Any = self.client.rpop(celery_queue(self.settings.prefix, queue))
        return from_json(message)["headers"]["id"] if message else None

    def run_next(self, queue: str = "agents") -> str | None:
        """Take the next delivery, claim it and succeed, as a worker with one slot does; returns the job's id."""
        job_id = self.take_delivery(queue)
        if job_id is not None and isinstance(claim := self.claim(job_id), Claim):
            self.succeed(claim)
        return job_id

"""A job store in a test's hands: every transition as one short call, under a clock that the test sets."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypeVar

import redis
from pydantic_core import from_json, to_json

from backdesk.worker.failure import Failure
from backdesk.worker.model.asks import Ask, AskType, Awaited
from backdesk.worker.model.budget import Amount, Budget, Estimate, Spent
from backdesk.worker.model.events import EventDraft, JobEvent
from backdesk.worker.model.job import (
    Claim,
    Deferred,
    Failed,
    JobRecord,
    JobState,
    Outcome,
    Refused,
    Retried,
    Succeeded,
    Usage,
    Waiting,
)
from backdesk.worker.model.retry import RetryPolicy
from backdesk.worker.settings import Settings, celery_queue
from backdesk.worker.store.calls import flag, text
from backdesk.worker.store.jobs import NewJob, Parentage, SubmitCode, Transitions
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.log import log_commands, log_entries
from backdesk.worker.store.records import LOG_FIELDS, read_log, read_record
from backdesk.worker.store.scripts import Call, run
from backdesk.worker.store.spending import Answer, SpendingCalls
from backdesk.worker.store.terms import Terms
from backdesk.worker.submit.admission import fingerprint

T = TypeVar("T")

#: 2026-03-01T12:00:00Z: any moment will do, as long as it is always the same.
NOON_MS = 1_772_366_400_000


def question(name: str = "sure", *, within_s: float | None = None, otherwise: object = "no") -> Awaited:
    """What an attempt waits for that asks a person."""
    late = to_json({"state": "done", "value": otherwise}) if within_s is not None else b""
    return Awaited(Ask(type=AskType.QUESTION, name=name, prompt="Sure?", expires_in_s=within_s), f"ask:{name}", late)


def outcome_of(step: str) -> Awaited:
    """What an attempt waits for that does not know whether a step took effect."""
    return Awaited(Ask(type=AskType.OUTCOME, name=f"outcome:{step}"), f"step:{step}")


def end_of(name: str, of: str = "") -> Awaited:
    """What an attempt waits for that has called another job, by its id where the store looks for it."""
    facts = {"job_id": of} if of else {}
    return Awaited(Ask(type=AskType.CHILD, name=f"call:{name}", facts=facts), f"call:{name}")


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
        self.spending = SpendingCalls(settings, self.clock if clock else None)
        self._ids = itertools.count(1)
        self._fences = itertools.count(1)

    def run(self, call: Call[T]) -> T:
        return run(self.client, call)

    def job(self, job_id: str | None = None, **fields: Any) -> NewJob:
        """A new job; `request` is any JSON data, `budget` and `retry` are models, and None is what is not given."""
        kind, tenant = fields.pop("kind", "test.echo"), fields.pop("tenant", "acme")
        request = to_json(fields.pop("request", {"text": "hello"}))
        defaults: dict[str, Any] = {"queue": "agents", "priority": 5}
        return NewJob(
            id=job_id or f"job-{next(self._ids)}",
            kind=kind,
            tenant=tenant,
            request=request,
            fingerprint=fingerprint(tenant, kind, request),
            **{name: _encoded(value) for name, value in {**defaults, **fields}.items()},
        )

    def submit(self, job_id: str | None = None, **fields: Any) -> str:
        """Submit a job that must be new, and return its id."""
        ((code, found),) = self.run(self.transitions.submit([self.job(job_id, **fields)]))
        assert code is SubmitCode.CREATED
        return found

    def submit_many(self, count: int, **fields: Any) -> list[str]:
        return [found for _, found in self.run(self.transitions.submit([self.job(**fields) for _ in range(count)]))]

    def claim(
        self, job_id: str, worker: str = "worker-1", fence: str | None = None, **versions: Any
    ) -> Claim | Refused:
        fence = fence or f"fence-{next(self._fences)}"
        return self.run(self.transitions.claim(job_id, worker, fence, Terms(**versions)))

    def start(self, job_id: str, worker: str = "worker-1", **versions: Any) -> Claim:
        """Claim a job that must be there to claim."""
        claim = self.claim(job_id, worker, **versions)
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

    def retry(self, claim: Claim, delay_s: float = 1.0, code: str = "network") -> bool:
        """End an attempt that failed and is followed by another."""
        return self.finish(claim, Retried(Failure(code=code, message="it broke", transient=True), delay_s))

    def defer(self, claim: Claim, delay_s: float = 1.0) -> bool:
        """End an attempt that ran into a limit."""
        return self.finish(claim, Deferred(Failure(code="limited", message="no seat"), delay_s))

    def wait(self, claim: Claim, *awaited: Awaited) -> bool:
        return self.finish(claim, Waiting(awaited))

    def call(self, claim: Claim, name: str, job_id: str | None = None, **fields: Any) -> tuple[SubmitCode, str]:
        """Make a child of a job, as an attempt at it does."""
        parent = Parentage(claim.job_id, claim.fence, f"call:{name}")
        ((code, found),) = self.run(self.transitions.submit([self.job(job_id, **asdict(parent), **fields)]))
        return code, found

    def answer(self, job_id: str, name: str, value: object = "yes", *, by: str = "ada") -> tuple[bool, str]:
        """Answer a question that a job waits for."""
        return self.settle(job_id, name, to_json({"state": "done", "value": value}), by=by)

    def settle(
        self, job_id: str, name: str, entry: bytes, failure: Failure | None = None, *, by: str = "ada"
    ) -> tuple[bool, str]:
        event = to_json({"name": name, "by": by})
        return self.run(self.transitions.answer(job_id, name, entry, event, failure))

    def cancel(self, job_id: str, reason: str = "no use") -> tuple[bool, str]:
        return self.run(self.transitions.cancel(job_id, reason))

    def promote(self) -> int:
        return self.run(self.transitions.promote())

    def expire(self) -> int:
        return self.run(self.transitions.expire())

    def ledger(self, job_id: str) -> dict[str, Any]:
        """What a job remembers, decoded."""
        entries: dict[Any, Any] = self.client.hgetall(self.keys.ledger(job_id))
        return {text(key): from_json(entry) for key, entry in entries.items()}

    def pulse(self) -> int:
        """A worker shows that it reaches Redis."""
        return self.run(self.transitions.pulse())

    def reap(self) -> list[str]:
        return self.run(self.transitions.reap())

    def lose(self, job_id: str) -> None:
        """Let the lease of a running job run out and be taken back."""
        self.clock.advance(self.settings.lease_s + 1)
        assert job_id in self.reap()

    def announce(self, worker: str = "worker-1", ttl_s: float = 6, **slots: int) -> int:
        said = {"name": worker, "slots": slots}
        return self.run(self.transitions.announce(worker, round(ttl_s * 1000), said)).alive

    def reserve(
        self,
        claim: Claim,
        number: int = 1,
        *,
        more_tokens: int = 0,
        cheaper: str = "",
        in_any_case: bool = False,
        final: bool = False,
        **amount: Any,
    ) -> Answer:
        """Set something aside for a call of an attempt."""
        estimate = Estimate(Amount(**amount), Amount(tokens=more_tokens))
        return self.run(
            self.spending.spend(claim, number, estimate, cheaper=cheaper, in_any_case=in_any_case, final=final)
        )

    def book(self, claim: Claim, number: int = 1, **amount: Any) -> bool:
        """Say what a call has really cost; nothing at all leaves the estimate."""
        return self.run(self.spending.account(claim, number, Amount(**amount) if amount else None))

    def spent(self, job_id: str) -> Spent:
        return self.record(job_id).spent or Spent()

    def record(self, job_id: str) -> JobRecord:
        record = self.find(job_id)
        assert record is not None, f"no job {job_id}"
        return record

    def result_of(self, job_id: str) -> Any:
        """Return the `value` in the result of a job that has succeeded."""
        record = self.record(job_id)
        assert record.state is JobState.SUCCEEDED, record.error
        return record.result["value"]

    def code_of(self, job_id: str) -> str:
        """Return the code of the error with which a job has ended."""
        error = self.record(job_id).error
        assert error is not None
        return error.code

    def find(self, job_id: str) -> JobRecord | None:
        listed = int(self.client.llen(self.keys.events(job_id)))
        fields: dict[Any, Any] = self.client.hgetall(self.keys.job(job_id))
        awaiting: list[Any] = self.client.hvals(self.keys.awaiting(job_id))
        spent: dict[Any, Any] = self.client.hgetall(self.keys.spent(job_id))
        return read_record(job_id, fields, listed, awaiting, spent)

    def state(self, job_id: str) -> JobState:
        return self.record(job_id).state

    def log(self, job_id: str) -> list[bytes]:
        """The entries of the event log, packed or not."""
        return log_entries(*(self.client.execute_command(*each) for each in log_commands(self.keys, job_id)))

    def events(self, job_id: str) -> list[JobEvent]:
        entries = self.log(job_id)
        values: list[Any] = self.client.hmget(self.keys.job(job_id), *LOG_FIELDS)
        return read_log(job_id, values, entries) if entries else []

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


def _encoded(value: Any) -> Any:
    match value:
        case Budget():
            return value.encoded()
        case RetryPolicy():
            return value.model_dump_json()
        case bool():
            return flag(value)
    return "" if value is None else value

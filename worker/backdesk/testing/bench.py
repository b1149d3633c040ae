"""The bench: a deployment in a test's hand, where one call takes a job from its submit to its end."""

from __future__ import annotations

import itertools
import shutil
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import TimeoutError as Late
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import gettempdir
from types import TracebackType
from typing import Any, Self, Unpack

import redis

from backdesk.platform.contract import Attachment
from backdesk.testing.attempt import begin
from backdesk.testing.job import BenchError, BenchJob, standing_of
from backdesk.testing.loss import MortalTransitions
from backdesk.testing.server import shared_server
from backdesk.testing.settings import bench_settings
from backdesk.worker.attempt.registry import REGISTRY, TaskSpec
from backdesk.worker.errors import ConfigurationError, NotWaiting
from backdesk.worker.memory.files import keep_file
from backdesk.worker.model.asks import APPROVE, DENY, AskType
from backdesk.worker.model.contract import ModelCheck
from backdesk.worker.model.job import DEFAULT_TENANT, PENDING, JobRecord, JobState
from backdesk.worker.model.options import JobOptions, Options
from backdesk.worker.process.state import WorkerProcess
from backdesk.worker.store.connection import connect
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.moments import moment
from backdesk.worker.store.scripts import Call, run
from backdesk.worker.submit.admission import admit, check_taken
from backdesk.worker.submit.claim_check import check_in
from backdesk.worker.submit.reply import Reply, check_outcome, settlement_of

WORKER = "bench"


class Bench:
    """Runs jobs to their end in the process of a test: no worker to start, no Celery, no waiting. Use it in a `with`.

    Jobs are submitted by the real scripts to a real Redis, which the first bench of a process starts and all of them
    share, each under a prefix of its own; attempts are those of a worker. What would take time is brought forward: the
    pause before a retry, a delay, a limit that has no room yet. `now` says what time it is for the bench then.

    Kinds are those whose modules the test has imported. With `watched`, which may be changed at any time, somebody
    follows the jobs, so that what they stream is kept in `job.text`. One call of `run`, `go_on` or an answer makes
    `most_attempts` at most, of the job and its children together, and an attempt takes `patience_s` seconds at most.
    `url` is another Redis to use. Everything else is a setting of the engine by its name, such as `max_crashes=1`;
    those of the environment are not looked at. From an async test, `await asyncio.to_thread(bench.run, ...)` leaves the
    test's own loop free; without that, it stands still meanwhile, which most tests do not mind.

    Raises ConfigurationError for a setting that does not fit, and when no Redis server is installed.
    """

    def __init__(
        self,
        *,
        watched: bool = True,
        most_attempts: int = 50,
        patience_s: float = 30.0,
        url: str | None = None,
        **settings: Any,
    ) -> None:
        self.watched = watched
        self.most_attempts = most_attempts
        self.patience_s = patience_s
        self._blobs = Path(gettempdir(), f"backdesk-bench-{uuid.uuid4().hex}")  # made when there is a blob
        usual = {"blobs_url": self._blobs.as_uri()}
        self.settings = bench_settings(url or shared_server().url, usual | settings)
        self._keys = Keys(self.settings.prefix)
        self._skipped_ms = 0
        self._numbers = itertools.count(1)
        self._redis = connect(self.settings.url)
        self._follower = self._redis.pubsub()
        self._process = WorkerProcess(self.settings, clock=self._clock)
        self._process.transitions = self._transitions = MortalTransitions(self.settings, self._clock, self._take_back)
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop what runs, and remove all that the bench has in Redis. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._process.close()
        self._follower.close()
        for pattern in (f"{self.settings.prefix}:*", f"{self.settings.prefix}.*"):
            if keys := list(self._redis.scan_iter(pattern, count=1000)):
                self._redis.unlink(*keys)
        self._redis.close()
        shutil.rmtree(self._blobs, ignore_errors=True)

    # --- time ---

    @property
    def now(self) -> datetime:
        """The time on the bench: the real one, and what was skipped."""
        return moment(self._clock())

    def advance(self, seconds: float | timedelta) -> None:
        """Let time pass at once: what is due by then becomes due, questions and limits of time run out.

        Jobs that can go on by it do so at the next `go_on`.
        """
        span = seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds)
        self._skip_to(self._clock() + round(span.total_seconds() * 1000))

    def _clock(self) -> int:
        return round(time.time() * 1000) + self._skipped_ms

    def _skip_to(self, at_ms: int) -> None:
        self._skipped_ms += max(0, at_ms - self._clock())
        calls: tuple[Call[Any], ...] = (
            self._transitions.promote(),
            self._transitions.expire(),
            self._transitions.resume(),
        )
        for call in calls:
            run(self._redis, call)

    # --- jobs ---

    def run(
        self, kind: str, request: object = None, *, job_id: str | None = None, **options: Unpack[Options]
    ) -> BenchJob:
        """Submit a job and have it go on until it ends or waits for a person; see `submit` and `go_on`."""
        return self.go_on(self.submit(kind, request, job_id=job_id, **options))

    def submit(
        self, kind: str, request: object = None, *, job_id: str | None = None, **options: Unpack[Options]
    ) -> BenchJob:
        """Submit a job without running it. `request` is a model or a dict; the options are those of a client's submit.

        Raises ConfigurationError for a kind that no imported module has, and what a client's submit raises.
        """
        spec = _spec(kind)
        job = admit(
            job_id or f"{self.settings.prefix}-{next(self._numbers)}",
            kind,
            {} if request is None else request,
            ModelCheck(spec.queue, spec.request),
            JobOptions(**options),
            max_request_bytes=self.settings.largest_request_bytes,
            now=self.now,
        )
        if len(job.request) > self.settings.inline_request_bytes:
            job = check_in(job, self._process.blobs.store)
        ((code, found),) = run(self._redis, self._transitions.submit([job]))
        check_taken(job, code, found)
        return self.job(found)

    def attach(self, data: bytes, name: str | None = None, *, tenant: str = DEFAULT_TENANT) -> Attachment:
        """Keep a file, and return what requests name it by, as `client.attachments.add` does."""
        calls = self._process.memory
        ref = keep_file(data, name or "", self._process.blobs.store, tenant=tenant) if calls.is_large(data) else None
        kept = run(self._redis, calls.attach(tenant, data, name or "", ref))
        if isinstance(kept, Exception):
            raise kept
        return Attachment(id=kept, name=name)

    def job(self, job_id: str) -> BenchJob:
        """Return a job by its id, such as one that `ctx.start` has started; `go_on` runs it."""
        return BenchJob(job_id, self._open_redis, self._keys, self._process.blobs)

    def go_on(self, job: BenchJob) -> BenchJob:
        """Make attempts at a job, those that it has called and those that called it, until nothing more happens.

        The job has then ended, or waits for a person, or is held: by a cap, or by its conversation, which goes on with
        another job. Raises BenchError when that takes too many attempts, or one of them takes too long.
        """
        self._settle(self._eldest(job), iter(range(self.most_attempts)))
        return job

    def attempt(self, job: BenchJob) -> BenchJob:
        """Make one attempt at a job, now if it was to be made later. Raises BenchError when there is none to make."""
        record = job.record
        if record.state not in PENDING or not self._attempt(record):
            raise BenchError(f"there is no attempt to make at {job.id} ({record.kind}): it {_why_not(job.record)}")
        return job

    def lose(self, job: BenchJob, *, after: int = 0) -> bool:
        """Make an attempt at a job whose worker dies, after having written so many steps and checkpoints.

        It dies in place of the write that would come next, or of its end: what that write was to tell has happened, but
        is known nowhere. Returns False when the attempt has ended before, in good order. The next attempt is made by
        `go_on`; after `max_crashes` of these a job is a dead letter.
        """
        self._transitions.doom(job.id, after)
        try:
            self.attempt(job)
        finally:
            alive = self._transitions.spare()
        return not alive

    def cancel(self, job: BenchJob, reason: str = "cancelled by the test") -> BenchJob:
        """End a job that has not ended, and those that it has called."""
        run(self._redis, self._transitions.cancel(job.id, reason))
        return job

    # --- answers ---

    def approve(self, job: BenchJob, *, by: str = "", note: str = "", ask: str | None = None) -> BenchJob:
        """Approve what a job asks approval for, and have it go on. `ask` names which, if there are several.

        Raises NotWaiting or AskUnknown, as the method of that name of a client does.
        """
        return self._reply(job, Reply(AskType.APPROVAL, APPROVE, by, note, ask))

    def deny(self, job: BenchJob, *, by: str = "", note: str = "", ask: str | None = None) -> BenchJob:
        """Deny what a job asks approval for, and have it go on; see `approve`."""
        return self._reply(job, Reply(AskType.APPROVAL, DENY, by, note, ask))

    def answer(self, job: BenchJob, answer: str, *, by: str = "", note: str = "", ask: str | None = None) -> BenchJob:
        """Answer a question of a job, and have it go on; see `approve`. Raises InvalidRequest for no choice of its."""
        return self._reply(job, Reply(AskType.QUESTION, answer, by, note, ask))

    def resolve(
        self, job: BenchJob, outcome: str, result: Any = None, *, by: str = "", note: str = "", ask: str | None = None
    ) -> BenchJob:
        """Say what became of a step that must not be repeated (`done`, `repeat`, `fail`), and have the job go on."""
        check_outcome(outcome, result)
        return self._reply(job, Reply(AskType.OUTCOME, outcome, by, note, ask, result))

    def _reply(self, job: BenchJob, reply: Reply) -> BenchJob:
        record, settings = job.record, self.settings
        if record.state is not JobState.WAITING:
            raise NotWaiting(job.id, record.state)
        limits = {"max_event_bytes": settings.max_event_bytes, "max_result_bytes": settings.max_result_bytes}
        found = settlement_of(job.id, record.attempt, record.asks, reply, **limits)
        run(self._redis, self._transitions.answer(job.id, found.name, found.entry, found.event, found.failure))
        return self.go_on(job)

    # --- how it goes on ---

    def _settle(self, job: BenchJob, attempts: Iterator[int]) -> None:
        while True:
            record = job.record
            if record.state is JobState.WAITING:
                for ask in record.asks:
                    if ask.type is AskType.CHILD:
                        self._settle(self.job(ask.facts["job_id"]), attempts)
                if job.state is JobState.WAITING:
                    return
            elif record.state in PENDING:
                if next(attempts, None) is None:
                    raise BenchError(self._endless(job))
                if not self._attempt(record):
                    return
            else:
                return

    def _attempt(self, record: JobRecord) -> bool:
        """Make an attempt; gives whether there was one to make."""
        if record.state is JobState.SCHEDULED:
            self._bring_forward(record.id)
        self._follow(record.id)
        # Anew each time: a kind may have been registered since.
        self._process.checks = {kind: ModelCheck(spec.queue, spec.request) for kind, spec in REGISTRY.items()}
        try:
            begin(self._process, _spec(record.kind), record.id, WORKER).result(self.patience_s)
        except Late:
            raise BenchError(self._stuck(self.job(record.id))) from None
        now = self.job(record.id).record
        return now.attempt > record.attempt or now.done

    def _bring_forward(self, job_id: str) -> None:
        due_ms = self._redis.zscore(self._keys.due, job_id)
        self._skip_to(0 if due_ms is None else round(due_ms))

    def _follow(self, job_id: str) -> None:
        """Subscribe to what a job tells, or leave, and take what has come: Redis drops who does not read."""
        if self.watched:
            self._follower.subscribe(self._keys.progress(job_id))
            self._follower.get_message(timeout=1)
        elif self._follower.subscribed:
            self._follower.unsubscribe()
            while self._follower.subscribed:
                self._follower.get_message(timeout=1)
        while self._follower.subscribed and self._follower.get_message(timeout=0) is not None:
            pass

    def _take_back(self, job_id: str) -> None:
        self._redis.zadd(self._keys.leases, {job_id: 0})
        run(self._redis, self._transitions.reap())

    def _eldest(self, job: BenchJob) -> BenchJob:
        parent = job.record.parent
        return job if parent is None else self._eldest(self.job(parent))

    def _open_redis(self) -> redis.Redis:
        if self._closed:
            raise BenchError("the bench is closed, and its jobs are gone: look at them inside its `with` block")
        return self._redis

    def _endless(self, job: BenchJob) -> str:
        last = next(reversed(job.record.attempts), None)
        how = f"; the last one ended as {last.outcome}" if last else ""
        why = f" ([{last.error.code}] {last.error.message})" if last and last.error else ""
        return f"{job.id} ({job.kind}) goes on after {self.most_attempts} attempts{how}{why}: Bench(most_attempts=...)"

    def _stuck(self, job: BenchJob) -> str:
        last = job.events[-1]
        return (
            f"an attempt at {job.id} ({job.kind}) has not ended after {self.patience_s:g} s; the last that it told was "
            f"{last.type} {last.data}: Bench(patience_s=...)"
        )


def _spec(kind: str) -> TaskSpec:
    if kind not in REGISTRY:
        known = ", ".join(sorted(REGISTRY)) or "none"
        raise ConfigurationError(f"no module that this test has imported has the kind {kind!r} (there are: {known})")
    return REGISTRY[kind]


def _why_not(record: JobRecord) -> str:
    if record.done:
        return f"is {record.state}"
    if record.state is JobState.QUEUED:
        return "is held, by a cap or by its conversation, which goes on with another job"
    return standing_of(record)

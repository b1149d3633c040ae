"""`JobClient`: submit jobs and follow them, from blocking code."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Unpack

from backdesk.client.connection import given
from backdesk.client.control import Control
from backdesk.client.operations.dead_letters import DeadFilter, Replays, Since
from backdesk.client.operations.jobs import Announcements, Contracts, Events, Ids, Records, outcome_of
from backdesk.client.operations.steps import Memory
from backdesk.client.watch import Watch
from backdesk.worker.errors import ResultTimeout
from backdesk.worker.failure import Category
from backdesk.worker.model.asks import APPROVE, DENY, AskType
from backdesk.worker.model.budget import Budget
from backdesk.worker.model.job import JobRecord, JobState
from backdesk.worker.model.retry import RetryPolicy
from backdesk.worker.submit.admission import JobOptions, Options
from backdesk.worker.submit.reply import Reply, check_outcome


@dataclass(frozen=True, slots=True)
class Job:
    """A job that was submitted, with the client at hand. `created` is False when it was found by its key or id."""

    id: str
    created: bool
    client: JobClient

    def get(self) -> JobRecord:
        """Return the record as it is now."""
        return self.client.get(self.id)

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the result; see `JobClient.result`."""
        return self.client.result(self.id, timeout)

    def watch(self, after: int = 0) -> Watch:
        """Follow the events; see `JobClient.watch`."""
        return self.client.watch(self.id, after)

    def cancel(self, reason: str = "cancelled by its owner") -> JobState:
        """End the job; see `JobClient.cancel`."""
        return self.client.cancel(self.id, reason)


class JobClient(Control):
    """A connection to one deployment. Safe to share between threads; close it, or use it in a `with` block.

    Every method raises StoreUnavailable when Redis cannot be reached or does not answer in time.
    """

    def submit(
        self,
        kind: str,
        request: object,
        *,
        job_id: str | None = None,
        **options: Unpack[Options],
    ) -> Job:
        """Write one job and return it.

        `request` is a pydantic model or a dict; `priority` goes from 0 to 9, 9 first; `delay` (seconds) or `at`
        postpone the job. Three limits end it: `expires` unless it is done by then, `start_by` unless it has begun by
        then (each a moment, or a time from now), `timeout` is how long one attempt may take. `retry`, a RetryPolicy or
        its fields, takes the place of the kind's policy. `budget`, a Budget or its fields, is what the job may spend,
        with the jobs that it calls; it takes the place of the kind's budget. Without a `priority` it has the tenant's.

        The same idempotency key, or job id, with the same request returns the existing job; with another request it
        raises IdempotencyConflict. The key finds the job as long as that is kept, or for `idempotency_ttl` (seconds or
        a timedelta), or with `idempotency_while_active` until it has ended.

        Jobs of a tenant with one `conversation_id` run one at a time, in their order. While another goes on, a new one
        waits, or by `when_busy` is refused (`"reject"`: ConversationBusy, which names the other) or cancels those that
        came before it (`"interrupt"`). Raises InvalidRequest (UnknownKind, PayloadTooLarge) before anything is written,
        also for a tenant that may not have such jobs.
        """
        found, created = self._do(self._core.submit(kind, request, JobOptions(**options), job_id))
        return Job(found, created, self)

    def submit_many(
        self,
        kind: str,
        requests: Iterable[object],
        **options: Unpack[Options],
    ) -> list[Job]:
        """Write thousands of jobs of one kind in a few round trips; the options hold for each of them.

        Raises InvalidRequest, with the position as in `[3].message`, before any of them is written.
        """
        return [
            Job(job_id, True, self)
            for job_id in self._do(self._core.submit_many(kind, requests, JobOptions(**options)))
        ]

    def get(self, job_id: str) -> JobRecord:
        """Return a job's record as it is now; raises JobNotFound."""
        return self._do(self._core.get(job_id))

    def result(self, job_id: str, timeout: float | None = None) -> Any:
        """Wait, at most `timeout` seconds, until a job ends, and return its result as JSON data.

        Raises JobFailed when it ended without one, ResultTimeout when it goes on, JobNotFound.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        record = self.get(job_id)
        if not record.done:
            with self.watch(job_id, record.events, deadline=deadline) as events:
                for _ in events:
                    pass
            record = self.get(job_id)
            if not record.done:
                raise ResultTimeout(job_id, timeout or 0.0)
        return outcome_of(record)

    def events(self, job_id: str, after: int = 0) -> Events:
        """Return what a job's event log holds beyond the event number `after`; raises JobNotFound."""
        return self.progress(job_id, after)[0]

    def progress(self, job_id: str, after: int = 0) -> tuple[Events, bool]:
        """Return what `events` returns, and whether the job has ended, so that no more will come."""
        return self._do(self._core.events(job_id, after))

    def watch(self, job_id: str, after: int = 0, *, deadline: float | None = None) -> Watch:
        """Follow a job's events, from the first or from beyond `after`, until it ends.

        Iterate over the value; used as a `with` block it is subscribed from the beginning of the block, so that a job
        submitted inside is watched from its first moment. Iteration raises JobNotFound when there is no such job, and
        ends early at `deadline` (of `time.monotonic()`).
        """
        read = partial(self.progress, job_id)
        return Watch(
            self.redis, self._core.keys.progress(job_id), read, after, deadline=deadline, timeout_s=self._timeout_s
        )

    def list(
        self,
        *,
        state: JobState | None = None,
        tenant: str | None = None,
        kind: str | None = None,
        limit: int = 50,
    ) -> Records:
        """Return the newest jobs that fit: by creation for one tenant, else by their last change of state.

        Looks at the newest 10,000. Not atomic: a job that changes its state meanwhile may be missed.
        """
        return self._do(self._core.list(state, tenant, kind, limit))

    def cancel(self, job_id: str, reason: str = "cancelled by its owner") -> JobState:
        """End a job that has not ended; returns at once, with the state it is in now. Idempotent.

        That is `cancelled`, or `running` while its attempt is being stopped: within about a second as a rule, and its
        record says `cancelling` meanwhile. Its children are cancelled with it. Raises NotCancellable when it has ended
        otherwise, JobNotFound.
        """
        return self._do(self._core.cancel(job_id, reason))

    def approve(self, job_id: str, *, by: str = "", note: str = "", ask: str | None = None) -> None:
        """Let a waiting job do what it asks approval for; it goes on at once.

        `ask` names which of several approvals is meant. `by` and `note` are kept with the answer. Raises NotWaiting
        when the job waits for nobody, AskUnknown when it is not clear what is meant, JobNotFound.
        """
        self._do(self._answers.give(job_id, Reply(AskType.APPROVAL, APPROVE, by, note, ask)))

    def deny(self, job_id: str, *, by: str = "", note: str = "", ask: str | None = None) -> None:
        """Refuse a waiting job what it asks approval for; see `approve`. What it does then is its own business."""
        self._do(self._answers.give(job_id, Reply(AskType.APPROVAL, DENY, by, note, ask)))

    def answer(self, job_id: str, answer: str, *, by: str = "", note: str = "", ask: str | None = None) -> None:
        """Answer a question of a waiting job, in words or by one of its choices; see `approve`.

        Raises InvalidRequest for what is none of the choices.
        """
        self._do(self._answers.give(job_id, Reply(AskType.QUESTION, answer, by, note, ask)))

    def resolve(
        self, job_id: str, outcome: str, result: Any = None, *, by: str = "", note: str = "", ask: str | None = None
    ) -> None:
        """Say what became of a step that must not be repeated and whose outcome nobody knows; see `approve`.

        `done`: it took effect, and `result` is what it would have returned. `repeat`: it did not; it runs again.
        `fail`: the job ends, with the code `step_failed`. Raises InvalidRequest for anything else.
        """
        check_outcome(outcome, result)
        self._do(self._answers.give(job_id, Reply(AskType.OUTCOME, outcome, by, note, ask, result)))

    def dead(
        self,
        *,
        tenant: str | None = None,
        kind: str | None = None,
        code: str | None = None,
        category: Category | str | None = None,
        since: Since | None = None,
        limit: int = 50,
        all: bool = False,  # noqa: A002 - a word of everyday, and nothing in here calls the builtin
    ) -> Records:
        """Return the newest dead letters, jobs that failed: those not replayed yet, or with `all` the others too.

        `since` is a moment (naive = UTC), or how long ago, in seconds or as a timedelta.
        """
        return self._do(self._dead.find(DeadFilter(tenant, kind, code, category, since, all), limit))

    def replay(
        self,
        job_id: str,
        *,
        resume: bool = True,
        request: object | None = None,
        priority: int | None = None,
        delay: float | timedelta | None = None,
        expires: float | timedelta | datetime | None = None,
        timeout: float | timedelta | None = None,
        retry: RetryPolicy | Mapping[str, Any] | None = None,
        budget: Budget | Mapping[str, Any] | None = None,
    ) -> Job:
        """Do a dead letter again, as a new job, and return that. Idempotent while the new one goes on or has succeeded.

        It keeps the tenant, priority, metadata, timeout, retry policy and budget unless others are given, and the
        request unless that is edited; of the budget nothing is spent yet. With `resume` it goes on from the checkpoint:
        finished steps and given answers stand, and steps keep their idempotency keys. Without, it does everything
        again. The two name each other, as `origin` and `replayed_as`. Raises NotReplayable, IdempotencyConflict when a
        replay with another request goes on, and what `submit` raises.
        """
        options = given(priority=priority, delay=delay, expires=expires, timeout=timeout, retry=retry, budget=budget)
        found, created = self._do(self._dead.replay(job_id, request, options, resume=resume))
        return Job(found, created, self)

    def replay_many(
        self,
        *,
        resume: bool = True,
        tenant: str | None = None,
        kind: str | None = None,
        code: str | None = None,
        category: Category | str | None = None,
        since: Since | None = None,
        limit: int = 1000,
    ) -> Replays:
        """Replay the newest dead letters that fit, the oldest of them first; see `dead` and `replay`.

        Gives what became of each; one that is refused does not hold up the others.
        """
        meant = DeadFilter(tenant, kind, code, category, since)
        return self._do(self._dead.replay_many(meant, limit, resume=resume))

    def drop(self, job_ids: Iterable[str]) -> int:
        """Forget dead letters now, with all that belongs to them; returns how many there were among these jobs."""
        return self._do(self._dead.drop([*job_ids]))

    def memory(self, job_id: str) -> Memory:
        """Return what a job has finished and been told: its steps, answers and called jobs; raises JobNotFound."""
        return self._do(self._memories.of(job_id))

    def children(self, job_id: str) -> Ids:
        """Return the ids of the jobs that a job has called."""
        return self._do(self._memories.children(job_id))

    def run_schedule(self, name: str) -> Job:
        """Submit a job of a schedule now, beside its times and uncounted.

        Raises ScheduleNotFound, and InvalidRequest when its request does not fit the kind any more.
        """
        return Job(self._do(self._schedules.run(name)), True, self)

    def kinds(self) -> Contracts:
        """Return the kinds that workers have announced, with the schemas of their requests and results."""
        return self._do(self._core.kinds())

    def workers(self) -> Announcements:
        """Return what live workers tell of themselves; `backdesk.worker.model.health.reasons_against` judges it."""
        return self._do(self._core.workers())

    def counts(self) -> dict[JobState, int]:
        """Return how many jobs are in each state."""
        return self._do(self._core.counts())

"""`JobClient`: submit jobs and follow them, from blocking code."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Self, TypeVar, Unpack

from producers.answers import Answers, Reply, check_outcome
from producers.core import Announcements, Contracts, Events, Ids, JobCore, Records, Replies, outcome_of
from producers.dead_letters import DeadFilter, DeadLetters, Replays, Since
from producers.job_limits import JobLimitStatuses, LimitsOfJobs, job_scope
from producers.memory import Memories, Memory
from producers.operation import Calls, Commands, Operation
from producers.overview import Overview, Overviews
from producers.schedules import KeptSchedule, ScheduleRecords, Schedules
from producers.service_limits import BreakerStatuses, LimitStatuses, ServiceLimits
from producers.spending import DaySpendings, Spendings
from producers.tenants import Tenants, TenantStatus, TenantStatuses
from producers.watch import Watch
from worker.admission import JobOptions, Options
from worker.ask import APPROVE, DENY, AskType
from worker.budget import Budget
from worker.connection import UNREACHABLE, connect, translated
from worker.errors import ResultTimeout, StoreUnavailable
from worker.failure import Category
from worker.job import JobRecord, JobState
from worker.kinds import RequestCheck
from worker.policy import JobLimits, TenantSettings
from worker.resource import BreakerState, Limits
from worker.retry import RetryPolicy
from worker.schedule import Missed, Overlap, ScheduleRecord, Timing
from worker.settings import Settings, load_settings
from worker.store.script import run, run_pipelined

T = TypeVar("T")

#: An operation that finds its connection broken is repeated, since none does harm twice; then the caller is told.
ATTEMPTS = 3
PAUSE_S = 0.1


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


class JobClient:
    """A connection to one deployment. Safe to share between threads; close it, or use it in a `with` block.

    Every method raises StoreUnavailable when Redis cannot be reached or does not answer in time.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        settings: Settings | None = None,
        checks: Mapping[str, RequestCheck] | None = None,
    ) -> None:
        settings = settings or load_settings(**({"redis_url": url} if url else {}))
        self._core = core = JobCore(settings, checks)
        self._answers, self._dead, self._memories = Answers(core), DeadLetters(core), Memories(core)
        self._services = ServiceLimits(core)
        self._schedules = Schedules(core)
        self._spendings = Spendings(core)
        self._tenants, self._job_limits, self._overviews = Tenants(core), LimitsOfJobs(core), Overviews(core)
        self._timeout_s = settings.socket_timeout_s
        self.redis = connect(settings.url, settings.socket_timeout_s)

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
        since: Since = None,
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
        since: Since = None,
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

    def spending(self, tenant: str, days: int = 1) -> DaySpendings:
        """Return what a tenant has spent on the last days in UTC, today first; with today's limits. At most 40 days."""
        return self._do(self._spendings.of(tenant, days))

    def spending_today(self) -> DaySpendings:
        """Return what each tenant that has spent something today (UTC) has spent, by name, with its limits."""
        return self._do(self._spendings.today())

    def add_schedule(
        self,
        name: str,
        kind: str,
        request: object,
        *,
        cron: str | None = None,
        every: float | timedelta | None = None,
        timezone: str = "UTC",
        missed: Missed | str = Missed.ONCE,
        overlap: Overlap | str = Overlap.ALLOW,
        starts: datetime | None = None,
        ends: datetime | None = None,
        paused: bool = False,
        replace: bool = False,
        **options: Unpack[Options],
    ) -> KeptSchedule:
        """Keep a schedule: the elected worker submits a job of it at each of its moments, once, within about a second.

        Give `cron` (five fields, or such as `@daily`), read in `timezone`, or `every` (seconds or a timedelta, from one
        second on), counted from `starts` or else from now. It fires from `starts` to `ends`, both included; naive ones
        are taken in `timezone`. The options are those of `submit` that can be repeated; `expires` and `start_by` count
        from each firing. `missed` says what becomes of moments at which no worker was alive or the schedule was paused:
        `once` fires for the last of them, `skip` for none. `overlap="skip"` leaves out a moment at which the last job
        goes on.

        The same name with the same definition is left alone; with another one that is ScheduleExists, unless `replace`
        is given: then the counts stay, and so does a pause. Raises InvalidRequest before anything is written.
        """
        timing = Timing(cron, every, timezone, starts, ends, missed, overlap)
        return self._do(
            self._schedules.add(name, kind, request, JobOptions(**options), timing, paused=paused, replace=replace)
        )

    def schedules(self, *, tenant: str | None = None) -> ScheduleRecords:
        """Return the schedules, by name. Not atomic."""
        return self._do(self._schedules.list(tenant))

    def schedule(self, name: str) -> ScheduleRecord:
        """Return a schedule: its definition, when it fires next, and what has become of it; raises ScheduleNotFound."""
        return self._do(self._schedules.get(name))

    def pause_schedule(self, name: str) -> ScheduleRecord:
        """Fire a schedule no more until it is resumed. Idempotent. Raises ScheduleNotFound."""
        return self._do(self._schedules.pause(name))

    def resume_schedule(self, name: str) -> ScheduleRecord:
        """Fire a schedule again; what it has missed is for its policy. Idempotent. Raises ScheduleNotFound."""
        return self._do(self._schedules.resume(name))

    def remove_schedule(self, name: str) -> bool:
        """Forget a schedule, and leave its jobs alone; returns whether it was there."""
        return self._do(self._schedules.remove(name))

    def run_schedule(self, name: str) -> Job:
        """Submit a job of a schedule now, beside its times and uncounted.

        Raises ScheduleNotFound, and InvalidRequest when its request does not fit the kind any more.
        """
        return Job(self._do(self._schedules.run(name)), True, self)

    def kinds(self) -> Contracts:
        """Return the kinds that workers have announced, with the schemas of their requests and results."""
        return self._do(self._core.kinds())

    def workers(self) -> Announcements:
        """Return what live workers tell of themselves; `worker.health.reasons_against` judges it."""
        return self._do(self._core.workers())

    def overview(self, *, tenants: int = 20, schedules: int = 5) -> Overview:
        """Return what goes on now: queues, the busiest tenants, workers, breakers, limits, and what fires next.

        The work is bounded, however many jobs and tenants there are. Not atomic.
        """
        return self._do(self._overviews.read(tenants, schedules))

    def counts(self) -> dict[JobState, int]:
        """Return how many jobs are in each state."""
        return self._do(self._core.counts())

    def set_tenant(
        self,
        name: str,
        *,
        weight: float | str | None = None,
        max_running: int | str | None = None,
        rate: str | None = None,
        burst: int | str | None = None,
        tokens_per_day: int | str | None = None,
        cost_per_day_usd: Decimal | float | str | None = None,
        on_budget: str | None = None,
        kinds: Iterable[str] | str | None = None,
        priority: int | str | None = None,
    ) -> TenantSettings:
        """Change what applies to a tenant, from now on and to jobs that wait already; returns all that is set for it.

        Only what is given changes. `"none"` is explicitly no limit; `"default"` takes a setting back to what applies to
        every tenant, set under the name `*`, or to what is built in: weight 1, no limits, all kinds, priority 5.
        `weight` (0.01 to 1000) is its share of the workers; `max_running` 0 pauses it; `rate`, such as `60/m`, is how
        often a job may begin, `burst` how many may at once after a rest. At a budget of the day its jobs `fail`, wait
        for approval (`approve`) or go on by cheaper means (`cheaper`). `priority` is that of jobs that name none.
        Without any setting the tenant is made known, which matters when unknown ones are refused. Atomic: of two who
        change the same tenant neither undoes what the other has changed. Raises InvalidRequest.
        """
        changes = {
            "weight": weight,
            "max_running": max_running,
            "rate": rate,
            "burst": burst,
            "tokens_per_day": tokens_per_day,
            "cost_per_day_usd": cost_per_day_usd,
            "on_budget": on_budget,
            "kinds": kinds if kinds is None or isinstance(kinds, str) else [*kinds],
            "priority": priority,
        }
        return self._do(self._tenants.set(name, changes))

    def remove_tenant(self, name: str) -> bool:
        """Take a tenant's settings back to those of every tenant; its jobs stay. Returns whether it had any."""
        return self._do(self._tenants.remove(name))

    def tenant(self, name: str) -> TenantStatus:
        """Return what applies to a tenant, where that comes from, and what it has going on. Not atomic."""
        return self._do(self._tenants.get(name))

    def tenants(self, *, limit: int = 1000) -> tuple[TenantStatuses, int]:
        """Return the tenants that were set up or have jobs, by name, `limit` at most, and how many more there are."""
        return self._do(self._tenants.list(limit))

    def set_job_limits(
        self,
        *,
        kind: str | None = None,
        tenant: str | None = None,
        queue: str | None = None,
        max_running: int | str | None = None,
        rate: str | None = None,
        burst: int | str | None = None,
    ) -> JobLimits:
        """Limit jobs of a kind, of a kind of a tenant (`*` is each tenant), or of a queue; returns what is then set.

        `max_running` is how many may run at once (0 pauses them), `rate`, such as `60/m`, how often one may begin,
        `burst` how many may at once after a rest. Only what is given changes; `"default"` takes a limit away, `"none"`
        is explicitly none, which matters where each tenant has one. Holds at once,
        also for jobs that wait already. Atomic, as `set_tenant`. Raises InvalidRequest.
        """
        changes = {"max_running": max_running, "rate": rate, "burst": burst}
        return self._do(self._job_limits.set(job_scope(kind=kind, tenant=tenant, queue=queue), changes))

    def remove_job_limits(
        self, *, kind: str | None = None, tenant: str | None = None, queue: str | None = None
    ) -> bool:
        """Remove the limits of a scope, named as in `set_job_limits`; returns whether there were any."""
        return self._do(self._job_limits.remove(job_scope(kind=kind, tenant=tenant, queue=queue)))

    def job_limits(self) -> JobLimitStatuses:
        """Return the limits of jobs by scope (such as `kind orders.audit`), and how each stands. Not atomic."""
        return self._do(self._job_limits.list())

    def set_service_limits(
        self,
        scope: str,
        *,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        concurrent: int | None = None,
    ) -> Limits:
        """Limit what the whole fleet asks of an outside service; in force at once, in place of what was set before.

        `scope` is a service (`openai/gpt-4o`, each key by itself), one key of it (`openai/gpt-4o#3fa9c1d2`), a tenant
        (`tenant acme`; `tenant *` is each), or a tenant at a service (`openai/gpt-4o tenant acme`). Of the scopes of
        the service the most exact counts, and so of those of the tenant; a call needs room in both. Raises
        InvalidRequest for a scope that is none, or a limit that is no whole number from 1.
        """
        values = given(
            requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute, concurrent=concurrent
        )
        return self._do(self._services.put(scope, values))

    def remove_service_limits(self, scope: str) -> bool:
        """Remove the limits of a scope; returns whether there were any."""
        return self._do(self._services.remove(scope))

    def service_limits(self) -> LimitStatuses:
        """Return the limits by scope, each with how full it is; and services on hold."""
        return self._do(self._services.list())

    def breakers(self) -> BreakerStatuses:
        """Return the circuit breaker of each service that has ever failed or was switched by hand."""
        return self._do(self._services.breakers())

    def open_breaker(self, resource: str, for_: float | timedelta | None = None) -> BreakerState:
        """Keep all calls from a service, for a time (seconds or timedelta) or until it is closed; returns what it was.

        Its jobs are parked, or use the fallback. No probe closes it.
        """
        return self._do(self._services.switch(resource, BreakerState.OPEN, for_))

    def close_breaker(self, resource: str) -> BreakerState:
        """Let calls reach a service again, whatever its probe has found; returns the state it was in."""
        return self._do(self._services.switch(resource, BreakerState.CLOSED, None))

    def close(self) -> None:
        """Close the connections. Idempotent."""
        self.redis.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _do(self, operation: Operation[T]) -> T:
        try:
            step = next(operation)
            while True:
                step = operation.send(self._answer(step))
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # StopIteration carries what the generator returns

    def _answer(self, step: Commands | Calls) -> Replies:
        patience_ends = time.monotonic() + self._timeout_s
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with translated():
                    return self._ask(step)
            except StoreUnavailable as error:
                late = attempt == ATTEMPTS or time.monotonic() >= patience_ends
                if late or not isinstance(error.__cause__, UNREACHABLE):
                    raise
                time.sleep(PAUSE_S * attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _ask(self, step: Commands | Calls) -> Replies:
        if isinstance(step, Calls) and len(step.calls) == 1:
            return [run(self.redis, step.calls[0])]
        if isinstance(step, Calls):
            return raise_first(run_pipelined(self.redis, step.calls))
        with self.redis.pipeline(transaction=False) as pipe:
            for command in step.commands:
                pipe.execute_command(*command)
            return pipe.execute()


def raise_first(replies: Replies) -> Replies:
    """Return the replies, unless one of them is an error."""
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies


def given(**options: Any) -> dict[str, Any]:
    """Return the options that are not None."""
    return {name: value for name, value in options.items() if value is not None}

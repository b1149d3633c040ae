"""`AsyncJobClient`: submit jobs and follow them, from an event loop. The same operations as `JobClient`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Self, TypeVar, Unpack

from producers.answers import Answers, Reply, check_outcome
from producers.async_watch import AsyncWatch
from producers.client import ATTEMPTS, PAUSE_S, given, raise_first
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
from worker.admission import JobOptions, Options
from worker.ask import APPROVE, DENY, AskType
from worker.budget import Budget
from worker.connection import UNREACHABLE, connect_async, translated
from worker.errors import ResultTimeout, StoreUnavailable
from worker.failure import Category
from worker.job import JobRecord, JobState
from worker.kinds import RequestCheck
from worker.policy import JobLimits, TenantSettings
from worker.resource import BreakerState, Limits
from worker.retry import RetryPolicy
from worker.schedule import Missed, Overlap, ScheduleRecord, Timing
from worker.settings import Settings, load_settings
from worker.store.script import run_async, run_pipelined_async

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AsyncJob:
    """A job that was submitted, with the client at hand. `created` is False when it was found by its key or id."""

    id: str
    created: bool
    client: AsyncJobClient

    async def get(self) -> JobRecord:
        """Return the record as it is now."""
        return await self.client.get(self.id)

    async def result(self, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - the same call as the blocking one
        """Wait for the result; see `AsyncJobClient.result`."""
        return await self.client.result(self.id, timeout)

    def watch(self, after: int = 0) -> AsyncWatch:
        """Follow the events; see `AsyncJobClient.watch`."""
        return self.client.watch(self.id, after)

    async def cancel(self, reason: str = "cancelled by its owner") -> JobState:
        """End the job; see `JobClient.cancel`."""
        return await self.client.cancel(self.id, reason)


class AsyncJobClient:
    """A connection to one deployment, for one event loop. Close it, or use it in an `async with` block.

    The methods promise what those of `JobClient` promise, and raise the same errors.
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
        self.redis = connect_async(settings.url, settings.socket_timeout_s)

    async def submit(
        self,
        kind: str,
        request: object,
        *,
        job_id: str | None = None,
        **options: Unpack[Options],
    ) -> AsyncJob:
        """Write one job and return it; see `JobClient.submit`."""
        found, created = await self._do(self._core.submit(kind, request, JobOptions(**options), job_id))
        return AsyncJob(found, created, self)

    async def submit_many(
        self,
        kind: str,
        requests: Iterable[object],
        **options: Unpack[Options],
    ) -> list[AsyncJob]:
        """Write thousands of jobs of one kind in a few round trips; see `JobClient.submit_many`."""
        ids = await self._do(self._core.submit_many(kind, requests, JobOptions(**options)))
        return [AsyncJob(job_id, True, self) for job_id in ids]

    async def get(self, job_id: str) -> JobRecord:
        """Return a job's record as it is now; raises JobNotFound."""
        return await self._do(self._core.get(job_id))

    async def result(self, job_id: str, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - as above
        """Wait until a job ends, and return its result as JSON data; see `JobClient.result`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        record = await self.get(job_id)
        if not record.done:
            async with self.watch(job_id, record.events, deadline=deadline) as events:
                async for _ in events:
                    pass
            record = await self.get(job_id)
            if not record.done:
                raise ResultTimeout(job_id, timeout or 0.0)
        return outcome_of(record)

    async def events(self, job_id: str, after: int = 0) -> Events:
        """Return what a job's event log holds beyond the event number `after`; raises JobNotFound."""
        return (await self.progress(job_id, after))[0]

    async def progress(self, job_id: str, after: int = 0) -> tuple[Events, bool]:
        """Return what `events` returns, and whether the job has ended, so that no more will come."""
        return await self._do(self._core.events(job_id, after))

    def watch(self, job_id: str, after: int = 0, *, deadline: float | None = None) -> AsyncWatch:
        """Follow a job's events until it ends; see `JobClient.watch`. Iterate with `async for`."""
        read = partial(self.progress, job_id)
        return AsyncWatch(
            self.redis, self._core.keys.progress(job_id), read, after, deadline=deadline, timeout_s=self._timeout_s
        )

    async def list(
        self,
        *,
        state: JobState | None = None,
        tenant: str | None = None,
        kind: str | None = None,
        limit: int = 50,
    ) -> Records:
        """Return the newest jobs that fit; see `JobClient.list`."""
        return await self._do(self._core.list(state, tenant, kind, limit))

    async def cancel(self, job_id: str, reason: str = "cancelled by its owner") -> JobState:
        """End a job that has not ended; see `JobClient.cancel`."""
        return await self._do(self._core.cancel(job_id, reason))

    async def approve(self, job_id: str, *, by: str = "", note: str = "", ask: str | None = None) -> None:
        """Let a waiting job do what it asks approval for; see `JobClient.approve`."""
        await self._do(self._answers.give(job_id, Reply(AskType.APPROVAL, APPROVE, by, note, ask)))

    async def deny(self, job_id: str, *, by: str = "", note: str = "", ask: str | None = None) -> None:
        """Refuse a waiting job what it asks approval for; see `JobClient.deny`."""
        await self._do(self._answers.give(job_id, Reply(AskType.APPROVAL, DENY, by, note, ask)))

    async def answer(self, job_id: str, answer: str, *, by: str = "", note: str = "", ask: str | None = None) -> None:
        """Answer a question of a waiting job; see `JobClient.answer`."""
        await self._do(self._answers.give(job_id, Reply(AskType.QUESTION, answer, by, note, ask)))

    async def resolve(
        self, job_id: str, outcome: str, result: Any = None, *, by: str = "", note: str = "", ask: str | None = None
    ) -> None:
        """Say what became of a step of unknown outcome; see `JobClient.resolve`."""
        check_outcome(outcome, result)
        await self._do(self._answers.give(job_id, Reply(AskType.OUTCOME, outcome, by, note, ask, result)))

    async def dead(
        self,
        *,
        tenant: str | None = None,
        kind: str | None = None,
        code: str | None = None,
        category: Category | str | None = None,
        since: Since = None,
        limit: int = 50,
        all: bool = False,  # noqa: A002 - as in JobClient
    ) -> Records:
        """Return the newest dead letters; see `JobClient.dead`."""
        return await self._do(self._dead.find(DeadFilter(tenant, kind, code, category, since, all), limit))

    async def replay(
        self,
        job_id: str,
        *,
        resume: bool = True,
        request: object | None = None,
        priority: int | None = None,
        delay: float | timedelta | None = None,
        expires: float | timedelta | datetime | None = None,
        timeout: float | timedelta | None = None,  # noqa: ASYNC109 - as in submit
        retry: RetryPolicy | Mapping[str, Any] | None = None,
        budget: Budget | Mapping[str, Any] | None = None,
    ) -> AsyncJob:
        """Do a dead letter again, as a new job; see `JobClient.replay`."""
        options = given(priority=priority, delay=delay, expires=expires, timeout=timeout, retry=retry, budget=budget)
        found, created = await self._do(self._dead.replay(job_id, request, options, resume=resume))
        return AsyncJob(found, created, self)

    async def replay_many(
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
        """Replay the newest dead letters that fit; see `JobClient.replay_many`."""
        meant = DeadFilter(tenant, kind, code, category, since)
        return await self._do(self._dead.replay_many(meant, limit, resume=resume))

    async def drop(self, job_ids: Iterable[str]) -> int:
        """Forget dead letters now; see `JobClient.drop`."""
        return await self._do(self._dead.drop([*job_ids]))

    async def memory(self, job_id: str) -> Memory:
        """Return what a job has finished and been told; see `JobClient.memory`."""
        return await self._do(self._memories.of(job_id))

    async def children(self, job_id: str) -> Ids:
        """Return the ids of the jobs that a job has called."""
        return await self._do(self._memories.children(job_id))

    async def spending(self, tenant: str, days: int = 1) -> DaySpendings:
        """Return what a tenant has spent on the last days in UTC; see `JobClient.spending`."""
        return await self._do(self._spendings.of(tenant, days))

    async def spending_today(self) -> DaySpendings:
        """Return what each tenant has spent today (UTC); see `JobClient.spending_today`."""
        return await self._do(self._spendings.today())

    async def add_schedule(
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
        """Keep a schedule; see `JobClient.add_schedule`."""
        timing = Timing(cron, every, timezone, starts, ends, missed, overlap)
        return await self._do(
            self._schedules.add(name, kind, request, JobOptions(**options), timing, paused=paused, replace=replace)
        )

    async def schedules(self, *, tenant: str | None = None) -> ScheduleRecords:
        """Return the schedules, by name; see `JobClient.schedules`."""
        return await self._do(self._schedules.list(tenant))

    async def schedule(self, name: str) -> ScheduleRecord:
        """Return a schedule; see `JobClient.schedule`."""
        return await self._do(self._schedules.get(name))

    async def pause_schedule(self, name: str) -> ScheduleRecord:
        """Fire a schedule no more until it is resumed; see `JobClient.pause_schedule`."""
        return await self._do(self._schedules.pause(name))

    async def resume_schedule(self, name: str) -> ScheduleRecord:
        """Fire a schedule again; see `JobClient.resume_schedule`."""
        return await self._do(self._schedules.resume(name))

    async def remove_schedule(self, name: str) -> bool:
        """Forget a schedule; see `JobClient.remove_schedule`."""
        return await self._do(self._schedules.remove(name))

    async def run_schedule(self, name: str) -> AsyncJob:
        """Submit a job of a schedule now, beside its times; see `JobClient.run_schedule`."""
        return AsyncJob(await self._do(self._schedules.run(name)), True, self)

    async def kinds(self) -> Contracts:
        """Return the kinds that workers have announced; see `JobClient.kinds`."""
        return await self._do(self._core.kinds())

    async def workers(self) -> Announcements:
        """Return what live workers announce of themselves; see `JobClient.workers`."""
        return await self._do(self._core.workers())

    async def overview(self, *, tenants: int = 20, schedules: int = 5) -> Overview:
        """Return what goes on now; see `JobClient.overview`."""
        return await self._do(self._overviews.read(tenants, schedules))

    async def counts(self) -> dict[JobState, int]:
        """Return how many jobs are in each state."""
        return await self._do(self._core.counts())

    async def set_tenant(
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
        """Change what applies to a tenant; see `JobClient.set_tenant`."""
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
        return await self._do(self._tenants.set(name, changes))

    async def remove_tenant(self, name: str) -> bool:
        """Take a tenant's settings back to those of every tenant; see `JobClient.remove_tenant`."""
        return await self._do(self._tenants.remove(name))

    async def tenant(self, name: str) -> TenantStatus:
        """Return what applies to a tenant, and what it has going on; see `JobClient.tenant`."""
        return await self._do(self._tenants.get(name))

    async def tenants(self, *, limit: int = 1000) -> tuple[TenantStatuses, int]:
        """Return the tenants that were set up or have jobs; see `JobClient.tenants`."""
        return await self._do(self._tenants.list(limit))

    async def set_job_limits(
        self,
        *,
        kind: str | None = None,
        tenant: str | None = None,
        queue: str | None = None,
        max_running: int | str | None = None,
        rate: str | None = None,
        burst: int | str | None = None,
    ) -> JobLimits:
        """Limit the jobs of a kind, of a kind of a tenant, or of a queue; see `JobClient.set_job_limits`."""
        changes = {"max_running": max_running, "rate": rate, "burst": burst}
        return await self._do(self._job_limits.set(job_scope(kind=kind, tenant=tenant, queue=queue), changes))

    async def remove_job_limits(
        self, *, kind: str | None = None, tenant: str | None = None, queue: str | None = None
    ) -> bool:
        """Remove the limits of a scope, named as in `set_job_limits`; see `JobClient.remove_job_limits`."""
        return await self._do(self._job_limits.remove(job_scope(kind=kind, tenant=tenant, queue=queue)))

    async def job_limits(self) -> JobLimitStatuses:
        """Return the limits of jobs, and how each stands; see `JobClient.job_limits`."""
        return await self._do(self._job_limits.list())

    async def set_service_limits(
        self,
        scope: str,
        *,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        concurrent: int | None = None,
    ) -> Limits:
        """See `JobClient.set_service_limits`."""
        values = given(
            requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute, concurrent=concurrent
        )
        return await self._do(self._services.put(scope, values))

    async def remove_service_limits(self, scope: str) -> bool:
        """See `JobClient.remove_service_limits`."""
        return await self._do(self._services.remove(scope))

    async def service_limits(self) -> LimitStatuses:
        """See `JobClient.service_limits`."""
        return await self._do(self._services.list())

    async def breakers(self) -> BreakerStatuses:
        """See `JobClient.breakers`."""
        return await self._do(self._services.breakers())

    async def open_breaker(self, resource: str, for_: float | timedelta | None = None) -> BreakerState:
        """See `JobClient.open_breaker`."""
        return await self._do(self._services.switch(resource, BreakerState.OPEN, for_))

    async def close_breaker(self, resource: str) -> BreakerState:
        """See `JobClient.close_breaker`."""
        return await self._do(self._services.switch(resource, BreakerState.CLOSED, None))

    async def close(self) -> None:
        """Close the connections. Idempotent."""
        await self.redis.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _do(self, operation: Operation[T]) -> T:
        try:
            step = next(operation)
            while True:
                step = operation.send(await self._answer(step))
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # StopIteration carries what the generator returns

    async def _answer(self, step: Commands | Calls) -> Replies:
        patience_ends = time.monotonic() + self._timeout_s
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with translated():
                    return await self._ask(step)
            except StoreUnavailable as error:
                late = attempt == ATTEMPTS or time.monotonic() >= patience_ends
                if late or not isinstance(error.__cause__, UNREACHABLE):
                    raise
                await asyncio.sleep(PAUSE_S * attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _ask(self, step: Commands | Calls) -> Replies:
        if isinstance(step, Calls) and len(step.calls) == 1:
            return [await run_async(self.redis, step.calls[0])]
        if isinstance(step, Calls):
            return raise_first(await run_pipelined_async(self.redis, step.calls))
        async with self.redis.pipeline(transaction=False) as pipe:
            for command in step.commands:
                pipe.execute_command(*command)
            return await pipe.execute()

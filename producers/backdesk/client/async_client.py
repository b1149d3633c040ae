"""`AsyncJobClient`: submit jobs and follow them, from an event loop. The same operations as `JobClient`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Unpack

from backdesk.client.async_control import AsyncControl
from backdesk.client.async_watch import AsyncWatch
from backdesk.client.connection import given
from backdesk.client.operations.dead_letters import DeadFilter, Replays, Since
from backdesk.client.operations.jobs import Announcements, Contracts, Events, Ids, Records, outcome_of
from backdesk.client.operations.steps import Memory
from backdesk.worker.errors import ResultTimeout
from backdesk.worker.failure import Category
from backdesk.worker.model.asks import APPROVE, DENY, AskType
from backdesk.worker.model.budget import Budget
from backdesk.worker.model.job import JobRecord, JobState
from backdesk.worker.model.retry import RetryPolicy
from backdesk.worker.submit.admission import JobOptions, Options
from backdesk.worker.submit.reply import Reply, check_outcome


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


class AsyncJobClient(AsyncControl):
    """A connection to one deployment, for one event loop. Close it, or use it in an `async with` block.

    The methods promise what those of `JobClient` promise, and raise the same errors.
    """

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
        since: Since | None = None,
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
        since: Since | None = None,
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

    async def run_schedule(self, name: str) -> AsyncJob:
        """Submit a job of a schedule now, beside its times; see `JobClient.run_schedule`."""
        return AsyncJob(await self._do(self._schedules.run(name)), True, self)

    async def kinds(self) -> Contracts:
        """Return the kinds that workers have announced; see `JobClient.kinds`."""
        return await self._do(self._core.kinds())

    async def workers(self) -> Announcements:
        """Return what live workers announce of themselves; see `JobClient.workers`."""
        return await self._do(self._core.workers())

    async def counts(self) -> dict[JobState, int]:
        """Return how many jobs are in each state."""
        return await self._do(self._core.counts())

"""`AsyncJobClient`: submit jobs and follow them, from an event loop. The same operations as `JobClient`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self, TypeVar

from redis.asyncio.client import PubSub

from producers.client import ATTEMPTS, PAUSE_S, raise_first
from producers.core import (
    Announcements,
    Calls,
    Commands,
    Contracts,
    Events,
    JobCore,
    Operation,
    Records,
    Replies,
    outcome_of,
)
from producers.watch import LOG_EVERY_S, Cursor
from worker.admission import JobOptions
from worker.connection import UNREACHABLE, connect_async, translated
from worker.errors import ResultTimeout, StoreUnavailable
from worker.events import JobEvent
from worker.job import DEFAULT_PRIORITY, DEFAULT_TENANT, JobRecord, JobState
from worker.kinds import RequestCheck
from worker.retry import RetryPolicy
from worker.settings import Settings, load_settings
from worker.store.records import read_event
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

    async def cancel(self, reason: str = "cancelled by its owner") -> None:
        """Withdraw the job; see `AsyncJobClient.cancel`."""
        await self.client.cancel(self.id, reason)


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
        self._core = JobCore(settings, checks)
        self.redis_timeout_s = settings.socket_timeout_s
        self.redis = connect_async(settings.url, settings.socket_timeout_s)

    async def submit(
        self,
        kind: str,
        request: object,
        *,
        tenant: str = DEFAULT_TENANT,
        priority: int = DEFAULT_PRIORITY,
        delay: float | timedelta | None = None,
        at: datetime | None = None,
        expires: float | timedelta | datetime | None = None,
        idempotency_key: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        start_by: float | timedelta | datetime | None = None,
        timeout: float | timedelta | None = None,
        retry: RetryPolicy | Mapping[str, Any] | None = None,
        job_id: str | None = None,
    ) -> AsyncJob:
        """Write one job and return it; see `JobClient.submit`."""
        options = JobOptions(tenant, priority, delay, at, expires, idempotency_key, metadata, start_by, timeout, retry)
        found, created = await self._do(self._core.submit(kind, request, options, job_id))
        return AsyncJob(found, created, self)

    async def submit_many(
        self,
        kind: str,
        requests: Iterable[object],
        *,
        tenant: str = DEFAULT_TENANT,
        priority: int = DEFAULT_PRIORITY,
        delay: float | timedelta | None = None,
        at: datetime | None = None,
        expires: float | timedelta | datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
        start_by: float | timedelta | datetime | None = None,
        timeout: float | timedelta | None = None,
        retry: RetryPolicy | Mapping[str, Any] | None = None,
    ) -> list[AsyncJob]:
        """Write thousands of jobs of one kind in a few round trips; see `JobClient.submit_many`."""
        options = JobOptions(tenant, priority, delay, at, expires, None, metadata, start_by, timeout, retry)
        ids = await self._do(self._core.submit_many(kind, requests, options))
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
        return AsyncWatch(self, self._core.keys.progress(job_id), job_id, after, deadline)

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

    async def cancel(self, job_id: str, reason: str = "cancelled by its owner") -> None:
        """Withdraw a job that has not begun; see `JobClient.cancel`."""
        await self._do(self._core.cancel(job_id, reason))

    async def kinds(self) -> Contracts:
        """Return the kinds that workers have announced; see `JobClient.kinds`."""
        return await self._do(self._core.kinds())

    async def workers(self) -> Announcements:
        """Return what live workers announce of themselves; see `JobClient.workers`."""
        return await self._do(self._core.workers())

    async def counts(self) -> dict[JobState, int]:
        """Return how many jobs are in each state."""
        return await self._do(self._core.counts())

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
        patience_ends = time.monotonic() + self.redis_timeout_s
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


class AsyncWatch:
    """The events of one job, in order, each once. Iterate once; it survives lost connections."""

    def __init__(self, client: AsyncJobClient, channel: str, job_id: str, after: int, deadline: float | None) -> None:
        self._client = client
        self._channel = channel
        self._job_id = job_id
        self._cursor = Cursor(after)
        self._deadline = deadline
        self._pubsub: PubSub | None = None

    async def __aenter__(self) -> Self:
        with translated():
            await self._subscribe()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the subscription. Idempotent."""
        if self._pubsub is not None:
            pubsub, self._pubsub = self._pubsub, None
            await pubsub.aclose()

    async def __aiter__(self) -> AsyncIterator[JobEvent]:
        try:
            while not self._cursor.done and self._left() > 0:
                # First the subscription, then the log: what happens in between is in both, never in neither.
                with translated(), suppress(*UNREACHABLE):
                    await self._subscribe()
                logged, ended = await self._client.progress(self._job_id, self._cursor.seq)
                for event in self._cursor.take(logged):
                    yield event
                if ended:
                    return
                async with aclosing(self._live()) as live:
                    async for event in live:
                        yield event
        finally:
            await self.close()

    async def _live(self) -> AsyncGenerator[JobEvent]:
        """Hand on what the channel brings, until the log must be read: after silence, a gap or a lost connection."""
        while not self._cursor.done:
            wait_s = min(LOG_EVERY_S, self._left())
            if wait_s <= 0:
                return
            try:
                message = await self._pubsub.get_message(timeout=wait_s) if self._pubsub else None
            except UNREACHABLE:
                await self.close()
                return
            if message is None:
                return
            event = read_event(message["data"])
            if self._cursor.follows(event):
                for taken in self._cursor.take([event]):
                    yield taken
            elif not self._cursor.seen(event):
                return

    async def _subscribe(self) -> None:
        if self._pubsub is None:
            pubsub = self._client.redis.pubsub(ignore_subscribe_messages=True)
            await pubsub.subscribe(self._channel)
            # The first answer of the server is the confirmation: only from here on nothing is missed.
            await pubsub.get_message(ignore_subscribe_messages=False, timeout=self._client.redis_timeout_s)
            self._pubsub = pubsub

    def _left(self) -> float:
        return float("inf") if self._deadline is None else self._deadline - time.monotonic()

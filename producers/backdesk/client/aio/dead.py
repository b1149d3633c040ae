"""Dead letters: jobs that failed for good."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from backdesk.client.aio.job import AsyncJob
from backdesk.client.operations.dead_letters import DeadFilter, DeadLetterOperations, Replays
from backdesk.client.operations.lists import JobPage
from backdesk.client.operations.since import Since
from backdesk.client.options import given
from backdesk.client.over_http.served import served
from backdesk.worker.failure import Category
from backdesk.worker.model.budget import Budget
from backdesk.worker.model.retry import RetryPolicy

if TYPE_CHECKING:
    from backdesk.client.aio.client import AsyncJobClient


class DeadLetters:
    """The dead letters of a deployment, `client.dead`."""

    def __init__(self, client: AsyncJobClient) -> None:
        self._client = client
        self._operations = served(client.core, DeadLetterOperations)

    async def list(
        self,
        *,
        tenant: str | None = None,
        kind: str | None = None,
        code: str | None = None,
        category: Category | str | None = None,
        since: Since | None = None,
        limit: int = 50,
        cursor: str | None = None,
        all: bool = False,  # noqa: A002 - a word of everyday, and nothing in here calls the builtin
    ) -> JobPage:
        """Return a page of dead letters, jobs that failed: those not replayed yet, or with `all` the others too.

        The newest come first; `cursor`, that of a page, goes on behind it. `since` is a moment (naive = UTC), or how
        long ago, in seconds or as a timedelta. Looked for as by `JobClient.list`. Raises InvalidRequest.
        """
        meant = DeadFilter(tenant, kind, code, category, since, all)
        return await self._client.do(self._operations.list(meant, limit, cursor))

    async def replay(
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
        slots: int | None = None,
    ) -> AsyncJob[Any]:
        """Do a dead letter again, as a new job, and return that. Idempotent while the new one goes on or has succeeded.

        It keeps the tenant, priority, metadata, timeout, retry policy, budget and slots unless others are given, and
        the request unless that is edited; of the budget nothing is spent yet. With `resume` it goes on from the
        checkpoint: finished steps and given answers stand, and steps keep their idempotency keys. Without, it does
        everything again. The two name each other, as `origin` and `replayed_as`. Raises NotReplayable,
        IdempotencyConflict when a replay with another request goes on, and what `submit` raises.
        """
        times = given(delay=delay, expires=expires, timeout=timeout)
        options = times | given(priority=priority, retry=retry, budget=budget, slots=slots)
        written = await self._client.do(self._operations.replay(job_id, request, options, resume=resume))
        return AsyncJob(written.id, written.created, self._client)

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
        """Replay the newest dead letters that fit, the oldest of them first; see `list` and `replay`.

        Gives what became of each; one that is refused does not hold up the others.
        """
        meant = DeadFilter(tenant, kind, code, category, since)
        return await self._client.do(self._operations.replay_many(meant, limit, resume=resume))

    async def drop(self, job_ids: Iterable[str]) -> int:
        """Forget dead letters now, with all that belongs to them; returns how many there were among these jobs."""
        return await self._client.do(self._operations.drop([*job_ids]))

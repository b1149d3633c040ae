"""What every route and dialect does with jobs, for a caller.

Here is seen to it that nobody learns of, follows, answers or ends a job that is not theirs: to a caller of one tenant,
another's job does not exist.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Unpack

from backdesk.client import AsyncJob, AsyncJobClient
from backdesk.client.aio.following import AsyncFollowing
from backdesk.client.aio.watch import AsyncWatch
from backdesk.gateway.access.caller import Caller, Scope
from backdesk.gateway.access.fresh import Fresh
from backdesk.gateway.access.trace_context import traceparent
from backdesk.gateway.errors import Forbidden
from backdesk.worker.errors import InvalidRequest, JobNotFound, UnknownKind
from backdesk.worker.model.asks import AskType
from backdesk.worker.model.contract import KindContract
from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.job import JobRecord, JobState
from backdesk.worker.model.options import Options

Kinds = list[KindContract]
#: For so long kinds, and who may ask for them, are known. Seconds.
FRESH_S = 2.0
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Exchange:
    """The jobs of one deployment, as callers may have them. Raises what the client raises, and Forbidden.

    `submitted` is told how many jobs of a kind were made.
    """

    def __init__(
        self, client: AsyncJobClient, submitted: Callable[[str, int], object] = lambda _kind, _jobs: None
    ) -> None:
        self.client = client
        self._submitted = submitted
        self._announced: Fresh[Kinds] = Fresh(FRESH_S)
        self._allowed: Fresh[tuple[str, ...]] = Fresh(FRESH_S)

    async def kinds(self, caller: Caller) -> Kinds:
        """Return the kinds that are there for a caller, by name, as they were a moment ago."""
        caller.demand(Scope.READ)
        announced = self._announced.get("") or await self._read_kinds()
        if caller.tenant is None or not (allowed := await self._allowed_to(caller.tenant)):
            return announced
        return [each for each in announced if each.kind in allowed]

    async def kind(self, caller: Caller, name: str) -> KindContract:
        """Return one of these. Raises UnknownKind."""
        kinds = {each.kind: each for each in await self.kinds(caller)}
        if name not in kinds:
            await self._read_kinds()  # it may have been announced just now
            kinds = {each.kind: each for each in await self.kinds(caller)}
        if name not in kinds:
            raise UnknownKind(name, sorted(kinds))
        return kinds[name]

    async def _read_kinds(self) -> Kinds:
        kinds = await self.client.kinds()
        self._announced.put("", kinds)
        return kinds

    async def _allowed_to(self, tenant: str) -> tuple[str, ...]:
        """Return the kinds that a tenant may ask for; none where that is not limited."""
        allowed = self._allowed.get(tenant)
        if allowed is None:
            setting = (await self.client.tenants.get(tenant)).settings.get("kinds")
            named = setting.value if setting is not None else None
            allowed = tuple(named) if isinstance(named, list | tuple) else ()
            self._allowed.put(tenant, allowed)
        return allowed

    async def submit(
        self, caller: Caller, kind: str, request: object, *, job_id: str | None = None, **options: Unpack[Options]
    ) -> AsyncJob[Any]:
        """Write a job of the caller's tenant, or of the one in the options if the caller may name it.

        Ids are of all tenants. So that nobody finds out another's names by them, or takes them, a caller of one tenant
        chooses none but UUIDs; names of its own are idempotency keys. Raises InvalidRequest.
        """
        caller.demand(Scope.SUBMIT)
        if caller.tenant is not None and job_id is not None and not _UUID.fullmatch(job_id):
            raise InvalidRequest("job_id", "must be a UUID; for a name of your own choosing use an idempotency key")
        options["tenant"] = caller.tenant_of(options.get("tenant"))
        options.setdefault("traceparent", traceparent())
        job = await self.client.submit(kind, request, job_id=job_id, **options)
        self._submitted(kind, int(job.created))
        return job

    async def submit_many(
        self,
        caller: Caller,
        kind: str,
        requests: Iterable[object],
        *,
        batch: str | None = None,
        idempotency_keys: Iterable[str] | None = None,
        **options: Unpack[Options],
    ) -> list[AsyncJob[Any]]:
        """Write many jobs of one kind; all are checked before one is written."""
        caller.demand(Scope.SUBMIT)
        options["tenant"] = caller.tenant_of(options.get("tenant"))
        options.setdefault("traceparent", traceparent())
        jobs = await self.client.submit_many(kind, requests, batch=batch, idempotency_keys=idempotency_keys, **options)
        self._submitted(kind, sum(job.created for job in jobs))
        return jobs

    async def listen(self, job_id: str) -> Callable[[], None]:
        """Have somebody follow a job before it is written; return what ends that.

        A body streams its words while it is followed: who submits a job and then follows it may miss the first ones.
        """
        following = AsyncFollowing(self.client, self.client.core.keys.progress(job_id), None)
        await following.subscribe()
        return following.close

    async def record(self, caller: Caller, job_id: str) -> JobRecord:
        """Return the record of a job. Raises JobNotFound, also for one of another tenant."""
        caller.demand(Scope.READ)
        record = await self.client.get(job_id)
        if not caller.sees(record.tenant):
            raise JobNotFound(job_id)
        return record

    async def events(self, caller: Caller, job_id: str, after: int = 0) -> tuple[list[JobEvent], bool]:
        """Return the log beyond an event number, and whether the job has ended."""
        await self.record(caller, job_id)
        return await self.client.progress(job_id, after)

    async def watch(self, caller: Caller, job_id: str, after: int = 0) -> AsyncWatch:
        """Return what follows a job: subscribed when opened by `async with`, and iterated once."""
        await self.record(caller, job_id)
        return self.client.watch(job_id, after)

    async def follow(self, caller: Caller, job_id: str, after: int = 0) -> AsyncIterator[JobEvent]:
        """Yield a job's events beyond a number, each once, until it ends."""
        async with await self.watch(caller, job_id, after) as events:
            async for event in events:
                yield event

    async def wait(self, caller: Caller, job_id: str, timeout_s: float) -> JobRecord:
        """Return the record of a job once it has ended, or as it is after so many seconds."""
        record = await self.record(caller, job_id)
        if record.done or timeout_s <= 0:
            return record
        try:
            return await self.client.wait(job_id, timeout_s)
        except TimeoutError:
            return await self.client.get(job_id)

    async def cancel(self, caller: Caller, job_id: str, reason: str = "") -> JobState:
        """End a job that has not ended. Idempotent."""
        caller.demand(Scope.SUBMIT)
        await self.record(caller, job_id)
        return await self.client.cancel(job_id, reason or f"cancelled by {caller.name}")

    async def forget(self, caller: Caller, job_id: str) -> None:
        """Forget a job that has ended. Raises NotForgettable, JobNotFound."""
        caller.demand(Scope.OPERATE)
        await self.record(caller, job_id)
        await self.client.forget(job_id)

    async def decide(
        self, caller: Caller, job_id: str, type_: AskType, decision: str, *, note: str = "", ask: str | None = None
    ) -> None:
        """Give a job what it waits for: the decision on an approval, or the answer to a question."""
        await self.may_decide(caller, job_id, ask)
        if type_ is AskType.QUESTION:
            await self.client.answer(job_id, decision, by=caller.name, note=note, ask=ask)
        elif decision == "approve":
            await self.client.approve(job_id, by=caller.name, note=note, ask=ask)
        else:
            await self.client.deny(job_id, by=caller.name, note=note, ask=ask)

    async def may_decide(self, caller: Caller, job_id: str, ask: str | None = None) -> JobRecord:
        """Return the record of a job whose ask the caller may answer. Raises Forbidden, JobNotFound.

        What is for people alone no key answers: who has one may be the host of a model. It can hand a person a link.
        """
        caller.demand(Scope.OPERATE)
        record = await self.record(caller, job_id)
        if caller.way == "key" and any(each.human_only and ask in {None, each.name} for each in record.asks):
            reason = "a person must answer this, signed in or by a link that POST /v1/links makes; no key may"
            raise Forbidden(Scope.OPERATE, reason=reason)
        return record

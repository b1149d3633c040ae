"""The blocking and the asyncio client behind one face, so that one specification holds for both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from backdesk.client.async_client import AsyncJobClient
from backdesk.client.job_client import JobClient
from backdesk.client.operations.conversations import Heads
from backdesk.client.operations.dead_letters import Replays
from backdesk.client.operations.job_limits import JobLimitStatuses
from backdesk.client.operations.jobs import Announcements, Contracts, Events, Ids, Records
from backdesk.client.operations.notes import Notes
from backdesk.client.operations.overview import Overview
from backdesk.client.operations.schedules import KeptSchedule, ScheduleRecords
from backdesk.client.operations.spending import DaySpendings
from backdesk.client.operations.stats import Stats
from backdesk.client.operations.steps import Memory
from backdesk.client.operations.tenants import TenantStatus, TenantStatuses
from backdesk.worker.memory.conversation import Conversation
from backdesk.worker.model.contract import RequestCheck
from backdesk.worker.model.deployment import MaintenanceNotice, SystemState
from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.job import JobRecord, JobState
from backdesk.worker.model.schedule import ScheduleRecord
from backdesk.worker.model.tenancy import JobLimits, TenantSettings
from backdesk.worker.settings import Settings


class Submitted(Protocol):
    """What both kinds of `Job` tell."""

    @property
    def id(self) -> str: ...
    @property
    def created(self) -> bool: ...


Jobs = list[Submitted]


class Client(Protocol):
    """The operations of a job client, to be awaited."""

    async def submit(self, kind: str, request: object, **options: Any) -> Submitted: ...
    async def submit_many(self, kind: str, requests: Any, **options: Any) -> Jobs: ...
    async def get(self, job_id: str) -> JobRecord: ...
    async def result(self, job_id: str, timeout: float | None = None) -> Any: ...  # noqa: ASYNC109 - theirs
    async def events(self, job_id: str, after: int = 0) -> Events: ...
    def watch(self, job_id: str, after: int = 0, **options: Any) -> AsyncIterator[JobEvent]: ...
    async def list(self, **filters: Any) -> Records: ...
    async def cancel(self, job_id: str, reason: str = "no use") -> JobState: ...
    async def approve(self, job_id: str, **said: Any) -> None: ...
    async def deny(self, job_id: str, **said: Any) -> None: ...
    async def answer(self, job_id: str, answer: str, **said: Any) -> None: ...
    async def resolve(self, job_id: str, outcome: str, result: Any = None, **said: Any) -> None: ...
    async def dead(self, **filters: Any) -> Records: ...
    async def replay(self, job_id: str, **options: Any) -> Submitted: ...
    async def replay_many(self, **filters: Any) -> Replays: ...
    async def drop(self, job_ids: Ids) -> int: ...
    async def memory(self, job_id: str) -> Memory: ...
    async def children(self, job_id: str) -> Ids: ...
    async def spending(self, tenant: str, days: int = 1) -> DaySpendings: ...
    async def spending_today(self) -> DaySpendings: ...
    async def add_schedule(self, name: str, kind: str, request: object, **options: Any) -> KeptSchedule: ...
    async def schedules(self, **filters: Any) -> ScheduleRecords: ...
    async def schedule(self, name: str) -> ScheduleRecord: ...
    async def pause_schedule(self, name: str) -> ScheduleRecord: ...
    async def resume_schedule(self, name: str) -> ScheduleRecord: ...
    async def remove_schedule(self, name: str) -> bool: ...
    async def run_schedule(self, name: str) -> Submitted: ...
    async def set_tenant(self, name: str, **changes: Any) -> TenantSettings: ...
    async def remove_tenant(self, name: str) -> bool: ...
    async def tenant(self, name: str) -> TenantStatus: ...
    async def tenants(self, **options: Any) -> tuple[TenantStatuses, int]: ...
    async def set_job_limits(self, **changes: Any) -> JobLimits: ...
    async def remove_job_limits(self, **scope: Any) -> bool: ...
    async def job_limits(self) -> JobLimitStatuses: ...
    async def overview(self, **options: Any) -> Overview: ...
    async def stats(self, **asked: Any) -> Stats: ...
    async def conversation(self, conversation_id: str, **options: Any) -> Conversation: ...
    async def conversations(self, **options: Any) -> Heads: ...
    async def forget_conversation(self, conversation_id: str, **options: Any) -> bool: ...
    async def notes(self, topic: str, **filters: Any) -> Notes: ...
    async def system(self) -> SystemState: ...
    async def begin_maintenance(self, message: str, for_: Any = None) -> MaintenanceNotice: ...
    async def end_maintenance(self) -> bool: ...
    async def maintenance(self) -> MaintenanceNotice | None: ...
    async def kinds(self) -> Contracts: ...
    async def workers(self) -> Announcements: ...
    async def counts(self) -> dict[JobState, int]: ...
    async def close(self) -> None: ...


class Blocking:
    """The blocking client, each call in a thread."""

    def __init__(self, settings: Settings, checks: Mapping[str, RequestCheck] | None) -> None:
        self.client = JobClient(settings=settings, checks=checks)

    async def submit(self, kind: str, request: object, **options: Any) -> Submitted:
        return await asyncio.to_thread(self.client.submit, kind, request, **options)

    async def submit_many(self, kind: str, requests: Any, **options: Any) -> Jobs:
        return [*await asyncio.to_thread(self.client.submit_many, kind, requests, **options)]

    async def get(self, job_id: str) -> JobRecord:
        return await asyncio.to_thread(self.client.get, job_id)

    async def result(self, job_id: str, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - theirs
        return await asyncio.to_thread(self.client.result, job_id, timeout)

    async def events(self, job_id: str, after: int = 0) -> Events:
        return await asyncio.to_thread(self.client.events, job_id, after)

    async def watch(self, job_id: str, after: int = 0, **options: Any) -> AsyncIterator[JobEvent]:
        with self.client.watch(job_id, after, **options) as watch:
            events = iter(watch)
            while (event := await asyncio.to_thread(next, events, None)) is not None:
                yield event

    async def list(self, **filters: Any) -> Records:
        return await asyncio.to_thread(self.client.list, **filters)

    async def cancel(self, job_id: str, reason: str = "no use") -> JobState:
        return await asyncio.to_thread(self.client.cancel, job_id, reason)

    async def approve(self, job_id: str, **said: Any) -> None:
        await asyncio.to_thread(self.client.approve, job_id, **said)

    async def deny(self, job_id: str, **said: Any) -> None:
        await asyncio.to_thread(self.client.deny, job_id, **said)

    async def answer(self, job_id: str, answer: str, **said: Any) -> None:
        await asyncio.to_thread(self.client.answer, job_id, answer, **said)

    async def resolve(self, job_id: str, outcome: str, result: Any = None, **said: Any) -> None:
        await asyncio.to_thread(self.client.resolve, job_id, outcome, result, **said)

    async def dead(self, **filters: Any) -> Records:
        return await asyncio.to_thread(self.client.dead, **filters)

    async def replay(self, job_id: str, **options: Any) -> Submitted:
        return await asyncio.to_thread(self.client.replay, job_id, **options)

    async def replay_many(self, **filters: Any) -> Replays:
        return await asyncio.to_thread(self.client.replay_many, **filters)

    async def drop(self, job_ids: Ids) -> int:
        return await asyncio.to_thread(self.client.drop, job_ids)

    async def memory(self, job_id: str) -> Memory:
        return await asyncio.to_thread(self.client.memory, job_id)

    async def children(self, job_id: str) -> Ids:
        return await asyncio.to_thread(self.client.children, job_id)

    async def spending(self, tenant: str, days: int = 1) -> DaySpendings:
        return await asyncio.to_thread(self.client.spending, tenant, days)

    async def spending_today(self) -> DaySpendings:
        return await asyncio.to_thread(self.client.spending_today)

    async def add_schedule(self, name: str, kind: str, request: object, **options: Any) -> KeptSchedule:
        return await asyncio.to_thread(self.client.add_schedule, name, kind, request, **options)

    async def schedules(self, **filters: Any) -> ScheduleRecords:
        return await asyncio.to_thread(self.client.schedules, **filters)

    async def schedule(self, name: str) -> ScheduleRecord:
        return await asyncio.to_thread(self.client.schedule, name)

    async def pause_schedule(self, name: str) -> ScheduleRecord:
        return await asyncio.to_thread(self.client.pause_schedule, name)

    async def resume_schedule(self, name: str) -> ScheduleRecord:
        return await asyncio.to_thread(self.client.resume_schedule, name)

    async def remove_schedule(self, name: str) -> bool:
        return await asyncio.to_thread(self.client.remove_schedule, name)

    async def run_schedule(self, name: str) -> Submitted:
        return await asyncio.to_thread(self.client.run_schedule, name)

    async def set_tenant(self, name: str, **changes: Any) -> TenantSettings:
        return await asyncio.to_thread(self.client.set_tenant, name, **changes)

    async def remove_tenant(self, name: str) -> bool:
        return await asyncio.to_thread(self.client.remove_tenant, name)

    async def tenant(self, name: str) -> TenantStatus:
        return await asyncio.to_thread(self.client.tenant, name)

    async def tenants(self, **options: Any) -> tuple[TenantStatuses, int]:
        return await asyncio.to_thread(self.client.tenants, **options)

    async def set_job_limits(self, **changes: Any) -> JobLimits:
        return await asyncio.to_thread(self.client.set_job_limits, **changes)

    async def remove_job_limits(self, **scope: Any) -> bool:
        return await asyncio.to_thread(self.client.remove_job_limits, **scope)

    async def job_limits(self) -> JobLimitStatuses:
        return await asyncio.to_thread(self.client.job_limits)

    async def overview(self, **options: Any) -> Overview:
        return await asyncio.to_thread(self.client.overview, **options)

    async def stats(self, **asked: Any) -> Stats:
        return await asyncio.to_thread(self.client.stats, **asked)

    async def conversation(self, conversation_id: str, **options: Any) -> Conversation:
        return await asyncio.to_thread(self.client.conversation, conversation_id, **options)

    async def conversations(self, **options: Any) -> Heads:
        return await asyncio.to_thread(self.client.conversations, **options)

    async def forget_conversation(self, conversation_id: str, **options: Any) -> bool:
        return await asyncio.to_thread(self.client.forget_conversation, conversation_id, **options)

    async def notes(self, topic: str, **filters: Any) -> Notes:
        return await asyncio.to_thread(self.client.notes, topic, **filters)

    async def system(self) -> SystemState:
        return await asyncio.to_thread(self.client.system)

    async def begin_maintenance(self, message: str, for_: Any = None) -> MaintenanceNotice:
        return await asyncio.to_thread(self.client.begin_maintenance, message, for_)

    async def end_maintenance(self) -> bool:
        return await asyncio.to_thread(self.client.end_maintenance)

    async def maintenance(self) -> MaintenanceNotice | None:
        return await asyncio.to_thread(self.client.maintenance)

    async def kinds(self) -> Contracts:
        return await asyncio.to_thread(self.client.kinds)

    async def workers(self) -> Announcements:
        return await asyncio.to_thread(self.client.workers)

    async def counts(self) -> dict[JobState, int]:
        return await asyncio.to_thread(self.client.counts)

    async def close(self) -> None:
        self.client.close()


class Asyncio:
    """The asyncio client as it is."""

    def __init__(self, settings: Settings, checks: Mapping[str, RequestCheck] | None) -> None:
        self.client = AsyncJobClient(settings=settings, checks=checks)

    async def submit(self, kind: str, request: object, **options: Any) -> Submitted:
        return await self.client.submit(kind, request, **options)

    async def submit_many(self, kind: str, requests: Any, **options: Any) -> Jobs:
        return [*await self.client.submit_many(kind, requests, **options)]

    async def get(self, job_id: str) -> JobRecord:
        return await self.client.get(job_id)

    async def result(self, job_id: str, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - theirs
        return await self.client.result(job_id, timeout)

    async def events(self, job_id: str, after: int = 0) -> Events:
        return await self.client.events(job_id, after)

    async def watch(self, job_id: str, after: int = 0, **options: Any) -> AsyncIterator[JobEvent]:
        async with self.client.watch(job_id, after, **options) as watch:
            async for event in watch:
                yield event

    async def list(self, **filters: Any) -> Records:
        return await self.client.list(**filters)

    async def cancel(self, job_id: str, reason: str = "no use") -> JobState:
        return await self.client.cancel(job_id, reason)

    async def approve(self, job_id: str, **said: Any) -> None:
        await self.client.approve(job_id, **said)

    async def deny(self, job_id: str, **said: Any) -> None:
        await self.client.deny(job_id, **said)

    async def answer(self, job_id: str, answer: str, **said: Any) -> None:
        await self.client.answer(job_id, answer, **said)

    async def resolve(self, job_id: str, outcome: str, result: Any = None, **said: Any) -> None:
        await self.client.resolve(job_id, outcome, result, **said)

    async def dead(self, **filters: Any) -> Records:
        return await self.client.dead(**filters)

    async def replay(self, job_id: str, **options: Any) -> Submitted:
        return await self.client.replay(job_id, **options)

    async def replay_many(self, **filters: Any) -> Replays:
        return await self.client.replay_many(**filters)

    async def drop(self, job_ids: Ids) -> int:
        return await self.client.drop(job_ids)

    async def memory(self, job_id: str) -> Memory:
        return await self.client.memory(job_id)

    async def children(self, job_id: str) -> Ids:
        return await self.client.children(job_id)

    async def spending(self, tenant: str, days: int = 1) -> DaySpendings:
        return await self.client.spending(tenant, days)

    async def spending_today(self) -> DaySpendings:
        return await self.client.spending_today()

    async def add_schedule(self, name: str, kind: str, request: object, **options: Any) -> KeptSchedule:
        return await self.client.add_schedule(name, kind, request, **options)

    async def schedules(self, **filters: Any) -> ScheduleRecords:
        return await self.client.schedules(**filters)

    async def schedule(self, name: str) -> ScheduleRecord:
        return await self.client.schedule(name)

    async def pause_schedule(self, name: str) -> ScheduleRecord:
        return await self.client.pause_schedule(name)

    async def resume_schedule(self, name: str) -> ScheduleRecord:
        return await self.client.resume_schedule(name)

    async def remove_schedule(self, name: str) -> bool:
        return await self.client.remove_schedule(name)

    async def run_schedule(self, name: str) -> Submitted:
        return await self.client.run_schedule(name)

    async def set_tenant(self, name: str, **changes: Any) -> TenantSettings:
        return await self.client.set_tenant(name, **changes)

    async def remove_tenant(self, name: str) -> bool:
        return await self.client.remove_tenant(name)

    async def tenant(self, name: str) -> TenantStatus:
        return await self.client.tenant(name)

    async def tenants(self, **options: Any) -> tuple[TenantStatuses, int]:
        return await self.client.tenants(**options)

    async def set_job_limits(self, **changes: Any) -> JobLimits:
        return await self.client.set_job_limits(**changes)

    async def remove_job_limits(self, **scope: Any) -> bool:
        return await self.client.remove_job_limits(**scope)

    async def job_limits(self) -> JobLimitStatuses:
        return await self.client.job_limits()

    async def overview(self, **options: Any) -> Overview:
        return await self.client.overview(**options)

    async def stats(self, **asked: Any) -> Stats:
        return await self.client.stats(**asked)

    async def conversation(self, conversation_id: str, **options: Any) -> Conversation:
        return await self.client.conversation(conversation_id, **options)

    async def conversations(self, **options: Any) -> Heads:
        return await self.client.conversations(**options)

    async def forget_conversation(self, conversation_id: str, **options: Any) -> bool:
        return await self.client.forget_conversation(conversation_id, **options)

    async def notes(self, topic: str, **filters: Any) -> Notes:
        return await self.client.notes(topic, **filters)

    async def system(self) -> SystemState:
        return await self.client.system()

    async def begin_maintenance(self, message: str, for_: Any = None) -> MaintenanceNotice:
        return await self.client.begin_maintenance(message, for_)

    async def end_maintenance(self) -> bool:
        return await self.client.end_maintenance()

    async def maintenance(self) -> MaintenanceNotice | None:
        return await self.client.maintenance()

    async def kinds(self) -> Contracts:
        return await self.client.kinds()

    async def workers(self) -> Announcements:
        return await self.client.workers()

    async def counts(self) -> dict[JobState, int]:
        return await self.client.counts()

    async def close(self) -> None:
        await self.client.close()


KINDS_OF_CLIENT: dict[str, type[Blocking | Asyncio]] = {"blocking": Blocking, "asyncio": Asyncio}

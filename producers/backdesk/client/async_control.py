"""What operators do beside jobs, from an event loop. The same operations as `Control`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Unpack

from backdesk.client.async_connection import AsyncioClient
from backdesk.client.connection import given
from backdesk.client.operations.conversations import Heads
from backdesk.client.operations.dead_letters import Since
from backdesk.client.operations.job_limits import JobLimitStatuses, job_scope
from backdesk.client.operations.notes import Notes
from backdesk.client.operations.overview import Overview
from backdesk.client.operations.schedules import KeptSchedule, ScheduleRecords
from backdesk.client.operations.service_limits import BreakerStatuses, LimitStatuses
from backdesk.client.operations.spending import DaySpendings
from backdesk.client.operations.stats import By, Stats
from backdesk.client.operations.tenants import TenantStatus, TenantStatuses
from backdesk.worker.memory.conversation import Conversation
from backdesk.worker.model.deployment import MaintenanceNotice, SystemState
from backdesk.worker.model.job import DEFAULT_TENANT
from backdesk.worker.model.schedule import Missed, Overlap, ScheduleRecord, Timing
from backdesk.worker.model.service import BreakerState, Limits
from backdesk.worker.model.tenancy import JobLimits, TenantSettings
from backdesk.worker.submit.admission import JobOptions, Options


class AsyncControl(AsyncioClient):
    """Sets what holds for all jobs, and shows how it stands. A part of `AsyncJobClient`."""

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

    async def overview(self, *, tenants: int = 20, schedules: int = 5) -> Overview:
        """Return what goes on now; see `JobClient.overview`."""
        return await self._do(self._overviews.read(tenants, schedules))

    async def stats(
        self,
        *,
        tenant: str | None = None,
        kind: str | None = None,
        since: Since = timedelta(days=7),
        by: By = "kind",
    ) -> Stats:
        """Return what jobs that ended came to; see `JobClient.stats`."""
        return await self._do(self._statistics.read(tenant, kind, since, by))

    async def system(self) -> SystemState:
        """Return what there is to do and to do it with; see `JobClient.system`."""
        return await self._do(self._system.state())

    async def begin_maintenance(self, message: str, for_: float | timedelta | None = None) -> MaintenanceNotice:
        """Tell that the deployment is under maintenance; see `JobClient.begin_maintenance`."""
        return await self._do(self._system.begin_maintenance(message, for_))

    async def end_maintenance(self) -> bool:
        """See `JobClient.end_maintenance`."""
        return await self._do(self._system.end_maintenance())

    async def maintenance(self) -> MaintenanceNotice | None:
        """See `JobClient.maintenance`."""
        return await self._do(self._system.maintenance())

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

    async def conversation(self, conversation_id: str, *, tenant: str = DEFAULT_TENANT) -> Conversation:
        """Return what was said in a conversation; see `JobClient.conversation`."""
        return await self._do(self._conversations.get(tenant, conversation_id))

    async def conversations(self, *, tenant: str = DEFAULT_TENANT, limit: int = 50) -> Heads:
        """Return the heads of a tenant's conversations; see `JobClient.conversations`."""
        return await self._do(self._conversations.list(tenant, limit))

    async def forget_conversation(self, conversation_id: str, *, tenant: str = DEFAULT_TENANT) -> bool:
        """Erase what was said in a conversation; see `JobClient.forget_conversation`."""
        return await self._do(self._conversations.forget(tenant, conversation_id))

    async def notes(
        self,
        topic: str,
        *,
        tenant: str | None = None,
        kind: str | None = None,
        since: Since | None = None,
        limit: int = 100,
    ) -> Notes:
        """Return what jobs have noted of a topic; see `JobClient.notes`."""
        return await self._do(self._journals.read(topic, tenant, kind, since, limit))

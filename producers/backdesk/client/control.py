"""What operators do beside jobs, from blocking code: tenants, limits, breakers, schedules, spending, the overview."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Unpack

from backdesk.client.connection import BlockingClient, given
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


class Control(BlockingClient):
    """Sets what holds for all jobs, and shows how it stands. A part of `JobClient`."""

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

    def overview(self, *, tenants: int = 20, schedules: int = 5) -> Overview:
        """Return what goes on now: queues, the busiest tenants, workers, breakers, limits, and what fires next.

        The work is bounded, however many jobs and tenants there are. Not atomic.
        """
        return self._do(self._overviews.read(tenants, schedules))

    def stats(
        self,
        *,
        tenant: str | None = None,
        kind: str | None = None,
        since: Since = timedelta(days=7),
        by: By = "kind",
    ) -> Stats:
        """Return what jobs that ended came to, by `kind`, `tenant` or `day`, and in all: ends, times, costs, measures.

        `since` is a moment (naive = UTC), or how long ago (seconds or a timedelta); whole days in UTC are told, today
        the last of them, and 40 are kept. Of one tenant or kind if it is named. Raises InvalidRequest. Not atomic.
        """
        return self._do(self._statistics.read(tenant, kind, since, by))

    def system(self) -> SystemState:
        """Return what there is to do and to do it with, as a body sees it by `ctx.system`. Atomic, and cheap."""
        return self._do(self._system.state())

    def begin_maintenance(self, message: str, for_: float | timedelta | None = None) -> MaintenanceNotice:
        """Tell that the deployment is under maintenance, for a time (seconds or timedelta) or until `end_maintenance`.

        It informs and stops nothing: jobs run on, and their bodies may tell whom they serve. Another message takes the
        place of the one before; since when stays. Raises InvalidRequest for a message over 500 characters, or a time
        that is not from a second to 30 days.
        """
        return self._do(self._system.begin_maintenance(message, for_))

    def end_maintenance(self) -> bool:
        """Tell no longer that the deployment is under maintenance; returns whether it was told. Idempotent."""
        return self._do(self._system.end_maintenance())

    def maintenance(self) -> MaintenanceNotice | None:
        """Return the notice of a maintenance, None while there is none."""
        return self._do(self._system.maintenance())

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

    def conversation(self, conversation_id: str, *, tenant: str = DEFAULT_TENANT) -> Conversation:
        """Return what was said in a conversation: all turns that are kept, the oldest first, and its head.

        The messages are JSON as the jobs wrote them. Not atomic. Raises ConversationNotFound.
        """
        return self._do(self._conversations.get(tenant, conversation_id))

    def conversations(self, *, tenant: str = DEFAULT_TENANT, limit: int = 50) -> Heads:
        """Return the heads of a tenant's conversations, the one that was spoken in last first. Not atomic."""
        return self._do(self._conversations.list(tenant, limit))

    def forget_conversation(self, conversation_id: str, *, tenant: str = DEFAULT_TENANT) -> bool:
        """Erase what was said in a conversation; returns whether there was anything. Idempotent.

        Its jobs are left alone: their requests, results and events are kept for the retention of jobs.
        """
        return self._do(self._conversations.forget(tenant, conversation_id))

    def notes(
        self,
        topic: str,
        *,
        tenant: str | None = None,
        kind: str | None = None,
        since: Since | None = None,
        limit: int = 100,
    ) -> Notes:
        """Return what jobs have noted of a topic (`ctx.note`), the newest first: of one tenant, or of all.

        `kind` is that of the jobs; `since` a moment (naive = UTC), or how long ago, in seconds or as a timedelta. Not
        atomic. Raises InvalidRequest.
        """
        return self._do(self._journals.read(topic, tenant, kind, since, limit))

"""What holds for tenants, kinds and queues, over HTTP: shares, limits, pauses, and jobs that recur."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from backdesk.client.contracts import NamedKind, name_of
from backdesk.client.operations.job_limits import JobLimitOperations, JobLimitStatus, JobLimitStatuses
from backdesk.client.operations.operation import Operation
from backdesk.client.operations.pauses import Paused, PauseOperations, PauseStatus, PauseStatuses
from backdesk.client.operations.schedules import KeptSchedule, ScheduleOperations, ScheduleRecords
from backdesk.client.operations.spending import DaySpendings, SpendingOperations
from backdesk.client.operations.tenants import TenantOperations, TenantStatus, TenantStatuses
from backdesk.client.over_http.asking import as_a, ask_for, data_of, is_done
from backdesk.client.over_http.jobs import plain_request, said
from backdesk.worker.model.budget import DaySpending
from backdesk.worker.model.options import JobOptions
from backdesk.worker.model.schedule import ScheduleRecord, Timing
from backdesk.worker.model.tenancy import JobLimits, TenantSettings


class HttpTenants(TenantOperations):
    """The operations on tenants."""

    def set(self, tenant: str, changes: Mapping[str, Any]) -> Operation[TenantSettings]:
        """Change what is set for a tenant; returns all that is set for it. Raises InvalidRequest."""
        return ask_for(as_a(TenantSettings), "PATCH", "tenants", tenant, body=dict(changes))

    def remove(self, tenant: str) -> Operation[bool]:
        """Remove what is set for a tenant; returns whether there was anything."""
        return ask_for(is_done, "DELETE", "tenants", tenant)

    def get(self, tenant: str) -> Operation[TenantStatus]:
        """Return the settings of a tenant, and what it has now."""
        return ask_for(as_a(TenantStatus), "GET", "tenants", tenant)

    def list(self, most: int) -> Operation[tuple[TenantStatuses, int]]:
        """Return tenants, the busiest first, and how many others there are."""
        return ask_for(_tenants, "GET", "tenants", query={"limit": most})


class HttpSpending(SpendingOperations):
    """The operations that read what was spent."""

    def of(self, tenant: str, days: int) -> Operation[DaySpendings]:
        """Return what a tenant has spent on the last days, today first; raises InvalidRequest."""
        return ask_for(data_of(DaySpending), "GET", "tenants", tenant, "spending", query={"days": days})

    def today(self) -> Operation[DaySpendings]:
        """Return what each tenant has spent today, by name."""
        return ask_for(data_of(DaySpending), "GET", "spending")


class HttpJobLimits(JobLimitOperations):
    """The operations on limits of jobs."""

    def set(self, scope: str, changes: Mapping[str, Any]) -> Operation[JobLimits]:
        """Change the limits of a scope; returns all that is set for it. Raises InvalidRequest."""
        return ask_for(as_a(JobLimits), "PUT", "limits", "jobs", body=_whose(scope) | dict(changes))

    def remove(self, scope: str) -> Operation[bool]:
        """Remove the limits of a scope; returns whether there were any."""
        return ask_for(is_done, "DELETE", "limits", "jobs", query=_whose(scope))

    def list(self) -> Operation[JobLimitStatuses]:
        """Return all limits, by scope, and who is held by them."""
        return ask_for(data_of(JobLimitStatus), "GET", "limits", "jobs")


class HttpPauses(PauseOperations):
    """The operations on pauses. Who begins one is who the key is of."""

    def begin(self, what: Paused, by: str, note: str) -> Operation[PauseStatus]:
        """Pause something."""
        return ask_for(as_a(PauseStatus), "POST", "pauses", body=asdict(what) | {"note": note})

    def end(self, what: Paused) -> Operation[bool]:
        """End a pause; returns whether there was one."""
        return ask_for(is_done, "DELETE", "pauses", query=asdict(what))

    def list(self) -> Operation[PauseStatuses]:
        """Return what is paused now, by scope."""
        return ask_for(data_of(PauseStatus), "GET", "pauses")


class HttpSchedules(ScheduleOperations):
    """The operations on schedules."""

    def add(
        self,
        name: str,
        kind: NamedKind,
        request: object,
        options: JobOptions,
        timing: Timing,
        *,
        paused: bool,
        replace: bool,
    ) -> Operation[KeptSchedule]:
        """Keep a definition. Raises InvalidRequest or ScheduleExists."""
        when = {field: value for field, value in asdict(timing).items() if value is not None}
        what = {"kind": name_of(kind), "request": plain_request(request), "paused": paused, "replace": replace}
        return ask_for(_kept, "PUT", "schedules", name, body=said(options) | when | what)

    def get(self, name: str) -> Operation[ScheduleRecord]:
        """Return a schedule; raises ScheduleNotFound."""
        return ask_for(as_a(ScheduleRecord), "GET", "schedules", name)

    def list(self, tenant: str | None) -> Operation[ScheduleRecords]:
        """Return schedules by name, of a tenant if it is named."""
        return ask_for(data_of(ScheduleRecord), "GET", "schedules", query={"tenant": tenant})

    def pause(self, name: str) -> Operation[ScheduleRecord]:
        """Have a schedule fire no more; raises ScheduleNotFound."""
        return ask_for(as_a(ScheduleRecord), "POST", "schedules", name, "pause")

    def resume(self, name: str) -> Operation[ScheduleRecord]:
        """Have it fire again; raises ScheduleNotFound."""
        return ask_for(as_a(ScheduleRecord), "POST", "schedules", name, "resume")

    def remove(self, name: str) -> Operation[bool]:
        """Remove a schedule; returns whether there was one."""
        return ask_for(is_done, "DELETE", "schedules", name)

    def run(self, name: str) -> Operation[str]:
        """Write a job of it now, and return the id. Raises ScheduleNotFound or InvalidRequest."""
        return ask_for(_id, "POST", "schedules", name, "run")


def _whose(scope: str) -> dict[str, str]:
    """Return the fields of a scope, as in `tenant acme kind orders.audit`."""
    words = scope.split()
    return dict(zip(words[::2], words[1::2], strict=True))


def _tenants(told: Any) -> tuple[TenantStatuses, int]:
    return data_of(TenantStatus)(told), told.get("left_out", 0)


def _kept(told: Any) -> KeptSchedule:
    added, replaced = told.pop("added"), told.pop("replaced")
    return KeptSchedule(as_a(ScheduleRecord)(told), added, replaced)


def _id(told: Any) -> str:
    return str(told["id"])

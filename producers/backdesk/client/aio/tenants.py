"""Tenants: what applies to each, what it has going on, and what it has spent."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from backdesk.client.operations.spending import DaySpendings, SpendingOperations
from backdesk.client.operations.tenants import TenantOperations, TenantStatus, TenantStatuses
from backdesk.client.over_http.served import served
from backdesk.worker.model.tenancy import TenantSettings

if TYPE_CHECKING:
    from backdesk.client.aio.client import AsyncJobClient


class Tenants:
    """The tenants of a deployment, `client.tenants`."""

    def __init__(self, client: AsyncJobClient) -> None:
        self._client = client
        self._operations = served(client.core, TenantOperations)
        self._spendings = served(client.core, SpendingOperations)

    async def set(
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
        max_jobs: int | str | None = None,
        max_bytes: int | str | None = None,
        priority: int | str | None = None,
    ) -> TenantSettings:
        """Change what applies to a tenant, from now on and to jobs that wait already; returns all that is set for it.

        Only what is given changes. `"none"` is explicitly no limit; `"default"` takes a setting back to what applies to
        every tenant, set under the name `*`, or to what is built in: weight 1, no limits, all kinds, priority 5.
        `weight` (0.01 to 1000) is its share of the workers; `max_running` is how many slots its jobs may take at once,
        and 0 pauses it; `rate`, such as `60/m`, is how often a job may begin, `burst` how many may at once after a
        rest. At a budget of the day its jobs `fail`, wait for approval (`approve`) or go on by cheaper means
        (`cheaper`). `max_jobs` is how many jobs it may have that have not ended, `max_bytes` how many bytes of
        requests; a submit over them raises QuotaExceeded. `priority` is that of jobs that name none. Without any
        setting the tenant is made known, which matters when unknown ones are refused. Atomic: of two who change the
        same tenant neither undoes what the other has changed. Raises InvalidRequest.
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
            "max_jobs": max_jobs,
            "max_bytes": max_bytes,
            "priority": priority,
        }
        return await self._client.do(self._operations.set(name, changes))

    async def get(self, name: str) -> TenantStatus:
        """Return what applies to a tenant, where that comes from, and what it has going on. Not atomic."""
        return await self._client.do(self._operations.get(name))

    async def list(self, *, limit: int = 1000) -> tuple[TenantStatuses, int]:
        """Return the tenants that were set up or have jobs, by name, `limit` at most, and how many more there are."""
        return await self._client.do(self._operations.list(limit))

    async def remove(self, name: str) -> bool:
        """Take a tenant's settings back to those of every tenant; its jobs stay. Returns whether it had any."""
        return await self._client.do(self._operations.remove(name))

    async def spending(self, name: str, days: int = 1) -> DaySpendings:
        """Return what a tenant has spent on the last days in UTC, today first; with today's limits. At most 40 days."""
        return await self._client.do(self._spendings.of(name, days))

    async def spending_today(self) -> DaySpendings:
        """Return what each tenant that has spent something today (UTC) has spent, by name, with its limits."""
        return await self._client.do(self._spendings.today())

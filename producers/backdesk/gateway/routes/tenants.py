"""Tenants: shares, limits and budgets."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from backdesk.client.operations.tenants import TenantStatus
from backdesk.gateway.routes.jobs import Done
from backdesk.gateway.routes.pages import Page
from backdesk.gateway.service import Governor, Onlooker, Reader, Served
from backdesk.worker.model.tenancy import TenantSettings

router = APIRouter(prefix="/v1/tenants", tags=["tenants"])


class TenantChanges(BaseModel):
    """Settings of a tenant to be changed; a text `none` takes one away. As of `client.tenants.set`."""

    model_config = ConfigDict(extra="forbid")

    weight: float | str | None = None
    max_running: int | str | None = None
    rate: str | None = None
    burst: int | str | None = None
    tokens_per_day: int | str | None = None
    cost_per_day_usd: float | str | None = None
    on_budget: str | None = None
    kinds: list[str] | str | None = None
    max_jobs: int | str | None = None
    max_bytes: int | str | None = None
    priority: int | str | None = None


class TenantPage(Page[TenantStatus]):
    """The busiest tenants."""

    left_out: int = Field(description="How many others there are.")


@router.get("", summary="List tenants")
async def list_tenants(
    gateway: Served, _: Onlooker, limit: Annotated[int, Query(ge=1, le=10_000)] = 1000
) -> TenantPage:
    """Return tenants with their settings and what they have now, the busiest first."""
    found, left_out = await gateway.client.tenants.list(limit=limit)
    return TenantPage(data=list(found), left_out=left_out)


@router.get("/{name}", summary="Get a tenant")
async def get(name: str, gateway: Served, caller: Reader) -> TenantStatus:
    """Return the settings of a tenant, and what it has now."""
    caller.demand_tenant(name)
    return await gateway.client.tenants.get(name)


@router.patch("/{name}", summary="Change a tenant")
async def change(name: str, body: TenantChanges, gateway: Served, _: Governor) -> TenantSettings:
    """Change the settings that are given, and return all that is set; `*` is for all that have none of their own."""
    changes: Any = body.model_dump(exclude_unset=True)
    return await gateway.client.tenants.set(name, **changes)


@router.delete("/{name}", summary="Remove the settings of a tenant")
async def remove(name: str, gateway: Served, _: Governor) -> Done:
    """Remove its settings; its jobs stay."""
    return Done(done=await gateway.client.tenants.remove(name))


@router.get("/{name}/spending", summary="Get what a tenant has spent")
async def spending(
    name: str, gateway: Served, caller: Reader, days: Annotated[int, Query(ge=1, le=366)] = 1
) -> Page[Any]:
    """Return what it has spent, day by day."""
    caller.demand_tenant(name)
    return Page(data=list(await gateway.client.tenants.spending(name, days)))

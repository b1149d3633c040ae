"""Limits of jobs and services, circuit breakers, pauses, and the notice of a maintenance."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from backdesk.client.operations.job_limits import JobLimitStatus
from backdesk.client.operations.pauses import PauseStatus
from backdesk.gateway.routes.jobs import Done
from backdesk.gateway.routes.pages import Page
from backdesk.gateway.service import Governor, Onlooker, Served, Steward
from backdesk.worker.model.deployment import MaintenanceNotice

router = APIRouter(prefix="/v1", tags=["limits"])


class Whose(BaseModel):
    """The jobs that a limit is for: of a kind, a tenant or a queue, or of two of these."""

    model_config = ConfigDict(extra="forbid")

    kind: str | None = None
    tenant: str | None = None
    queue: str | None = None


class JobLimitChanges(Whose):
    """How many of them may run at once, and how often they may begin."""

    max_running: int | str | None = None
    rate: str | None = Field(None, examples=["60/m"])
    burst: int | str | None = None


@router.get("/limits/jobs", summary="List limits of jobs")
async def job_limits(gateway: Served, _: Onlooker) -> Page[JobLimitStatus]:
    """Return the limits of jobs, and who is held by them."""
    return Page(data=list(await gateway.client.limits.jobs.list()))


@router.put("/limits/jobs", summary="Set a limit of jobs", response_model=Any)
async def set_job_limit(body: JobLimitChanges, gateway: Served, _: Governor) -> Any:
    """Change what is given of a limit."""
    return await gateway.client.limits.jobs.set(**body.model_dump(exclude_unset=True))


@router.delete("/limits/jobs", summary="Remove a limit of jobs")
async def remove_job_limit(gateway: Served, _: Governor, which: Annotated[Whose, Query()]) -> Done:
    """Remove a limit."""
    return Done(done=await gateway.client.limits.jobs.remove(**which.model_dump(exclude_none=True)))


class ServiceLimitChanges(BaseModel):
    """What may be asked of an outside service."""

    model_config = ConfigDict(extra="forbid")

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent: int | None = None


@router.get("/limits/services", summary="List limits of services")
async def service_limits(gateway: Served, _: Onlooker) -> Page[Any]:
    """Return the limits of outside services."""
    return Page(data=list(await gateway.client.limits.services.list()))


@router.put("/limits/services/{scope:path}", summary="Set a limit of a service", response_model=Any)
async def set_service_limit(scope: str, body: ServiceLimitChanges, gateway: Served, _: Governor) -> Any:
    """Change what is given of a limit; `scope` is as in `model:openai/gpt-4o`."""
    return await gateway.client.limits.services.set(scope, **body.model_dump(exclude_unset=True))


@router.delete("/limits/services/{scope:path}", summary="Remove a limit of a service")
async def remove_service_limit(scope: str, gateway: Served, _: Governor) -> Done:
    """Remove a limit."""
    return Done(done=await gateway.client.limits.services.remove(scope))


@router.get("/breakers", summary="List circuit breakers")
async def breakers(gateway: Served, _: Onlooker) -> Page[Any]:
    """Return the outside services that are called, and whether they are left alone."""
    return Page(data=list(await gateway.client.breakers.list()))


class Span(BaseModel):
    """For how long, in seconds; until it is ended, where nothing is said."""

    seconds: float | None = Field(None, gt=0)


@router.post("/breakers/{resource:path}/open", summary="Open a circuit breaker", response_model=Any)
async def open_breaker(resource: str, gateway: Served, _: Steward, body: Span | None = None) -> Any:
    """Leave a service alone."""
    return await gateway.client.breakers.open(resource, body.seconds if body else None)


@router.post("/breakers/{resource:path}/close", summary="Close a circuit breaker", response_model=Any)
async def close_breaker(resource: str, gateway: Served, _: Steward) -> Any:
    """Have a service called again."""
    return await gateway.client.breakers.close(resource)


class WhatPauses(BaseModel):
    """One of these: what nothing of begins for now."""

    model_config = ConfigDict(extra="forbid")

    kind: str | None = None
    queue: str | None = None
    tenant: str | None = None
    service: str | None = None


class NewPause(WhatPauses):
    """What is to pause, and why."""

    note: str = ""


@router.get("/pauses", summary="List pauses")
async def pauses(gateway: Served, _: Onlooker) -> Page[PauseStatus]:
    """Return what is paused."""
    return Page(data=list(await gateway.client.pauses.list()))


@router.post("/pauses", status_code=201, summary="Begin a pause")
async def begin_pause(body: NewPause, gateway: Served, caller: Steward) -> PauseStatus:
    """Have nothing of a kind, queue, tenant or service begin until the pause is ended."""
    return await gateway.client.pauses.begin(**body.model_dump(), by=caller.name)


@router.delete("/pauses", summary="End a pause")
async def end_pause(gateway: Served, _: Steward, which: Annotated[WhatPauses, Query()]) -> Done:
    """Have it go on."""
    return Done(done=await gateway.client.pauses.end(**which.model_dump(exclude_none=True)))


class NewNotice(BaseModel):
    """What customers are to know of a maintenance, and how long it is expected to take, in seconds."""

    message: str
    seconds: float | None = Field(None, gt=0)


@router.get("/maintenance", summary="Get the notice of a maintenance")
async def notice(gateway: Served, _: Onlooker) -> MaintenanceNotice | None:
    """Return the notice, null while there is none."""
    return await gateway.client.maintenance.get()


@router.put("/maintenance", summary="Give notice of a maintenance")
async def begin_maintenance(body: NewNotice, gateway: Served, _: Steward) -> MaintenanceNotice:
    """Tell customers and operators; no work is stopped by it."""
    return await gateway.client.maintenance.begin(body.message, body.seconds)


@router.delete("/maintenance", summary="End the notice of a maintenance")
async def end_maintenance(gateway: Served, _: Steward) -> Done:
    """Take the notice back."""
    return Done(done=await gateway.client.maintenance.end())

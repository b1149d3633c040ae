"""Schedules: jobs that recur."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from backdesk.gateway.access.caller import Caller
from backdesk.gateway.routes.jobs import Done
from backdesk.gateway.routes.pages import Page
from backdesk.gateway.routes.submissions import JobOptionsBody, WrittenJob
from backdesk.gateway.service import Gateway, Operator, Reader, Served
from backdesk.worker.errors import ScheduleExists, ScheduleNotFound
from backdesk.worker.model.schedule import ScheduleRecord

router = APIRouter(prefix="/v1/schedules", tags=["schedules"])


class NewSchedule(JobOptionsBody):
    """A job, and when it recurs: by a cron expression, or every so many seconds."""

    kind: str
    request: Any
    cron: str | None = Field(None, examples=["30 3 * * *"])
    every: float | None = Field(None, gt=0)
    timezone: str = "UTC"
    missed: str = "once"
    overlap: str = "allow"
    starts: datetime | None = None
    ends: datetime | None = None
    paused: bool = False
    replace: bool = False


class KeptSchedule(ScheduleRecord):
    """A schedule, whether it is new, and whether it took the place of another one."""

    added: bool
    replaced: bool


_OF_JOB = {"kind", "request", *JobOptionsBody.model_fields}


@router.get("", summary="List schedules")
async def list_schedules(gateway: Served, caller: Reader, tenant: str | None = None) -> Page[ScheduleRecord]:
    """Return schedules, by name."""
    return Page(data=list(await gateway.client.schedules.list(tenant=caller.only(tenant))))


async def _own(gateway: Gateway, caller: Caller, name: str) -> ScheduleRecord:
    """Return a schedule that is the caller's. Raises ScheduleNotFound, also for one of another tenant."""
    found = await gateway.client.schedules.get(name)
    if not caller.sees(found.tenant):
        raise ScheduleNotFound(name)
    return found


@router.get("/{name}", summary="Get a schedule")
async def get(name: str, gateway: Served, caller: Reader) -> ScheduleRecord:
    """Return one schedule, and when it fires next."""
    return await _own(gateway, caller, name)


@router.put("/{name}", summary="Add a schedule")
async def put(name: str, body: NewSchedule, gateway: Served, caller: Operator) -> KeptSchedule:
    """Add a schedule; one of this name with another definition is left alone, unless `replace` is set."""
    if caller.tenant is not None:
        await _free_or_own(gateway, caller, name)
    recurrence = body.model_dump(exclude=_OF_JOB, exclude_unset=True)
    options = body.options() | {"tenant": caller.tenant_of(body.tenant)}
    kept = await gateway.client.schedules.add(name, body.kind, body.request, **recurrence, **options)
    return KeptSchedule(**dict(kept.record), added=kept.added, replaced=kept.replaced)


async def _free_or_own(gateway: Gateway, caller: Caller, name: str) -> None:
    try:
        found = await gateway.client.schedules.get(name)
    except ScheduleNotFound:
        return
    if not caller.sees(found.tenant):
        raise ScheduleExists(name)


@router.post("/{name}/pause", summary="Pause a schedule")
async def pause(name: str, gateway: Served, caller: Operator) -> ScheduleRecord:
    """Have it fire no more, until it is resumed."""
    await _own(gateway, caller, name)
    return await gateway.client.schedules.pause(name)


@router.post("/{name}/resume", summary="Resume a schedule")
async def resume(name: str, gateway: Served, caller: Operator) -> ScheduleRecord:
    """Have it fire again."""
    await _own(gateway, caller, name)
    return await gateway.client.schedules.resume(name)


@router.post("/{name}/run", status_code=201, summary="Run a schedule now")
async def run(name: str, gateway: Served, caller: Operator) -> WrittenJob:
    """Submit its job once, now."""
    await _own(gateway, caller, name)
    job = await gateway.client.schedules.run(name)
    return WrittenJob(id=job.id, created=job.created)


@router.delete("/{name}", summary="Remove a schedule")
async def remove(name: str, gateway: Served, caller: Operator) -> Done:
    """Remove it; jobs that it has submitted stay."""
    await _own(gateway, caller, name)
    return Done(done=await gateway.client.schedules.remove(name))

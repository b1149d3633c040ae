"""What the deployment tells of itself."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from backdesk.client.operations.overview import Overview
from backdesk.client.operations.series import Series, SeriesBy
from backdesk.client.operations.stats import By, Stats
from backdesk.gateway.routes.moments import Since, moment
from backdesk.gateway.routes.pages import Page
from backdesk.gateway.service import Onlooker, Reader, Served
from backdesk.worker.model.budget import DaySpending
from backdesk.worker.model.deployment import Demand, SystemState
from backdesk.worker.model.health import WorkerFacts
from backdesk.worker.model.job import JobState

router = APIRouter(prefix="/v1", tags=["reports"])


@router.get("/workers", summary="List workers")
async def workers(gateway: Served, _: Onlooker) -> Page[WorkerFacts]:
    """Return what live workers tell of themselves."""
    return Page(data=await gateway.client.workers())


@router.get("/counts", summary="Count jobs by state")
async def counts(gateway: Served, _: Onlooker) -> dict[JobState, int]:
    """Return how many jobs are in each state."""
    return await gateway.client.counts()


@router.get("/spending", summary="Get what each tenant has spent today")
async def spending(gateway: Served, _: Onlooker) -> Page[DaySpending]:
    """Return it by the name of the tenant; a day is one of UTC."""
    return Page(data=await gateway.client.tenants.spending_today())


@router.get("/system", summary="Get what there is to do, and to do it with")
async def system(gateway: Served, _: Onlooker) -> SystemState:
    """Return queues, slots and workers at one moment."""
    return await gateway.client.system()


@router.get("/autoscale/{queue}", summary="Get how many slots a queue could use")
async def autoscale(queue: str, gateway: Served, _: Onlooker) -> Demand:
    """Return what is to be scaled by, as for the scaler `metrics-api` of KEDA: `wanted_slots`."""
    return await gateway.client.autoscale(queue)


@router.get("/overview", summary="Get what goes on now")
async def overview(
    gateway: Served,
    _: Onlooker,
    tenants: Annotated[int, Query(ge=0, le=1000)] = 20,
    schedules: Annotated[int, Query(ge=0, le=1000)] = 5,
) -> Overview:
    """Return queues, the busiest tenants, workers, breakers, limits, and what fires next."""
    return await gateway.client.overview(tenants=tenants, schedules=schedules)


@router.get("/stats", summary="Get what jobs came to, by kind, tenant or day")
async def stats(
    gateway: Served,
    caller: Reader,
    tenant: str | None = None,
    kind: str | None = None,
    since: Since = None,
    by: By = "kind",
) -> Stats:
    """Return ends, times, costs and measures of jobs that ended, of the last week unless `since` says otherwise."""
    given: Any = {} if since is None else {"since": moment(since)}
    return await gateway.client.stats(tenant=caller.only(tenant), kind=kind, by=by, **given)


@router.get("/series", summary="Get what jobs came to, minute by minute")
async def series(
    gateway: Served,
    _: Onlooker,
    since: Since = None,
    until: Since = None,
    step: Annotated[float, Query(gt=0, description="Seconds of one point.")] = 60,
    kind: str | None = None,
    queue: str | None = None,
    by: SeriesBy | None = None,
) -> Series:
    """Return ends, waits, run times, tokens and costs, step by step, of the last hour unless said otherwise."""
    given: Any = {} if since is None else {"since": moment(since)}
    end = moment(until, "until")
    return await gateway.client.series(until=end, step=step, kind=kind, queue=queue, by=by, **given)


@router.get("/notes/{topic}", summary="List what jobs have noted")
async def notes(
    topic: str,
    gateway: Served,
    caller: Reader,
    tenant: str | None = None,
    kind: str | None = None,
    since: Since = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Page[Any]:
    """Return notes of a topic, the newest first."""
    found = await gateway.client.notes(topic, tenant=caller.only(tenant), kind=kind, since=moment(since), limit=limit)
    return Page(data=list(found))

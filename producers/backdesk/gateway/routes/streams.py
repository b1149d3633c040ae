"""One stream for all that a page shows."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response

from backdesk.gateway.access.caller import Caller
from backdesk.gateway.routes.events import IS_STREAM, LastEventId
from backdesk.gateway.service import Gateway, Reader, Served
from backdesk.gateway.streams.snapshots import Snapshot
from backdesk.gateway.streams.sse import EventStream
from backdesk.gateway.streams.topics import MOST_TOPICS, Places, Topics
from backdesk.worker.errors import InvalidRequest

router = APIRouter(prefix="/v1/stream", tags=["events"])

OVERVIEW, INBOX, JOB = "overview", "inbox", "job:"
#: How often these are looked up while somebody shows them. Seconds.
OVERVIEW_EVERY_S = 2.0
INBOX_EVERY_S = 2.0
#: Asks that the inbox shows.
MOST_ASKS = 100


@router.get("", summary="Follow several things at once", response_class=Response, responses=IS_STREAM)
async def stream(
    gateway: Served,
    caller: Reader,
    topics: Annotated[str, Query(description="`job:ID`, `overview` and `inbox`, with commas.", examples=["inbox"])],
    last_event_id: LastEventId = None,
) -> Response:
    """Send the events of jobs, what goes on in all, and what jobs ask of people, by one connection.

    An event of a job is as in its own stream; `overview` and `inbox` are told whole whenever they change. It ends after
    the last event of the last job, if there are jobs alone.
    """
    named = [*dict.fromkeys(part.strip() for part in topics.split(",") if part.strip())]
    if not 0 < len(named) <= MOST_TOPICS:
        raise InvalidRequest("topics", f"must name 1 to {MOST_TOPICS} topics")
    jobs = [name.removeprefix(JOB) for name in named if name.startswith(JOB)]
    places = Places.read(last_event_id, len(jobs))
    snapshots = {name: _snapshot(gateway, caller, name) for name in named if not name.startswith(JOB)}
    for job_id in jobs:
        await gateway.exchange.record(caller, job_id)
    merged = Topics(gateway.client, jobs, snapshots, places, gateway.settings.heartbeat_s)
    return EventStream(merged.frames(), send_timeout_s=gateway.settings.send_timeout_s)


def _snapshot(gateway: Gateway, caller: Caller, name: str) -> Snapshot:
    if name == OVERVIEW:
        caller.demand_all_tenants()
        return gateway.snapshots.of(OVERVIEW, gateway.client.overview, OVERVIEW_EVERY_S)
    if name == INBOX:
        tenant = caller.only(None)
        return gateway.snapshots.of(f"{INBOX}:{tenant or '*'}", partial(_inbox, gateway, tenant), INBOX_EVERY_S)
    raise InvalidRequest("topics", f"{name!r} is none: job:ID, {OVERVIEW} or {INBOX}")


async def _inbox(gateway: Gateway, tenant: str | None) -> object:
    page = await gateway.client.asks(tenant=tenant, limit=MOST_ASKS)
    return {"data": list(page), "more": page.cursor is not None}

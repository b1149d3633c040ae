"""The events of jobs, live."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response

from backdesk.gateway.routes.pages import Page
from backdesk.gateway.service import Reader, Served
from backdesk.gateway.streams.jobs import job_frames
from backdesk.gateway.streams.sse import EventStream
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.events import JobEvent

router = APIRouter(prefix="/v1/jobs", tags=["events"])

LastEventId = Annotated[str | None, Header(description="The id of the last event that was seen.")]
After = Annotated[int | None, Query(ge=0, description="Only events beyond this number.")]
IS_STREAM: Any = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}


@router.get(
    "/{job_id}/events",
    summary="Follow a job",
    response_class=Response,
    responses={**IS_STREAM, 204: {"description": "It has ended, and all was seen"}},
)
async def events(
    job_id: str, gateway: Served, caller: Reader, after: After = None, last_event_id: LastEventId = None
) -> Response:
    """Send the events of a job as server-sent events, from the first or beyond a number, until the job ends.

    The id of each is its `seq`. A browser that has everything is answered 204: it connects no more then.
    """
    start = start_of(after, last_event_id)
    record = await gateway.exchange.record(caller, job_id)
    if record.done and last_event_id is not None and start >= record.events:
        return Response(status_code=204)
    frames = job_frames(gateway.client, job_id, start, heartbeat_s=gateway.settings.heartbeat_s)
    return EventStream(frames, send_timeout_s=gateway.settings.send_timeout_s)


@router.get("/{job_id}/log", summary="Read the log of a job")
async def log(job_id: str, gateway: Served, caller: Reader, after: After = None) -> Page[JobEvent]:
    """Return the events of a job as they are now."""
    told, _ = await gateway.exchange.events(caller, job_id, after or 0)
    return Page(data=told)


def start_of(after: int | None, last_event_id: str | None) -> int:
    """Return the number of the event to go on behind. Raises InvalidRequest."""
    if last_event_id is None:
        return after or 0
    if not (last_event_id.isdecimal() and last_event_id.isascii()):
        raise InvalidRequest("Last-Event-ID", f"{last_event_id!r} must be the number of an event")
    return int(last_event_id)

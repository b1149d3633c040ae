"""Jobs: submit, see, follow and end them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from backdesk.client import AsyncJob
from backdesk.gateway.routes.pages import Page
from backdesk.gateway.service import Gateway, Reader, Served, Submitter
from backdesk.gateway.streams.sse import EventStream, frame, retry_after
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.job import JobRecord, JobState
from backdesk.worker.text.json import encode

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_WAIT = re.compile(r"(?:^|[,;]\s*)wait=(\d+(?:\.\d+)?)")
#: After so long a client of a stream that broke connects anew. Milliseconds.
RECONNECT_MS = 2000


class Submission(BaseModel):
    """A job to be done: its kind, its request, and options as of `client.submit`. Times are seconds, or moments."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    request: Any
    job_id: str | None = None
    tenant: str | None = Field(None, description="Whose job it is; that of the key, unless the key is for all.")
    priority: int | None = Field(None, ge=0, le=9)
    delay: float | None = Field(None, ge=0)
    at: datetime | None = None
    expires: float | datetime | None = None
    start_by: float | datetime | None = None
    timeout: float | None = Field(None, gt=0)
    retry: dict[str, Any] | None = None
    budget: dict[str, Any] | None = None
    slots: int | None = None
    metadata: dict[str, Any] | None = None
    idempotency_key: str | None = None
    idempotency_ttl: float | None = None
    idempotency_while_active: bool = False
    conversation_id: str | None = None
    when_busy: str = "enqueue"

    def options(self) -> Any:
        """Return what was said of the job besides its kind, request and id."""
        return {name: getattr(self, name) for name in self.model_fields_set - {"kind", "request", "job_id"}}


@router.post("", status_code=201, summary="Submit a job", response_model=JobRecord)
async def submit(
    body: Submission,
    gateway: Served,
    caller: Submitter,
    response: Response,
    idempotency_key: Annotated[str | None, Header(description="The same key and request find the same job.")] = None,
    prefer: Annotated[str | None, Header(description="`wait=N` (RFC 7240): answer when it has ended.")] = None,
    wait: Annotated[float | None, Query(ge=0, description="The same, in seconds.")] = None,
) -> Response:
    """Write one job, and answer with its record: 201 if it is new, 200 if the key or id has found it."""
    options = body.options()
    if idempotency_key is not None:
        options["idempotency_key"] = unquoted(idempotency_key)
    job = await gateway.exchange.submit(caller, body.kind, body.request, job_id=body.job_id, **options)
    wait_s = min(_preferred(prefer) if wait is None else wait, gateway.settings.max_wait_s)
    record = await gateway.exchange.wait(caller, job.id, wait_s)
    return _written(job, record)


def _written(job: AsyncJob[Any], record: JobRecord) -> Response:
    headers = {"location": f"/v1/jobs/{job.id}"} | ({} if job.created else {"idempotent-replayed": "true"})
    return Response(encode(record), 201 if job.created else 200, headers, "application/json")


def unquoted(key: str) -> str:
    """Return an Idempotency-Key as it was meant: a string of structured fields (RFC 9651), or bare."""
    return key[1:-1].replace('\\"', '"').replace("\\\\", "\\") if len(key) > 1 and key[0] == key[-1] == '"' else key


def _preferred(prefer: str | None) -> float:
    found = _WAIT.search(prefer or "")
    return float(found[1]) if found else 0.0


@router.get("", summary="List jobs")
async def list_jobs(
    gateway: Served,
    caller: Reader,
    state: JobState | None = None,
    tenant: str | None = None,
    kind: str | None = None,
    code: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    cursor: str | None = None,
) -> Page[JobRecord]:
    """Return a page of jobs, the newest first."""
    page = await gateway.client.list(
        state=state, tenant=caller.only(tenant), kind=kind, code=code, limit=limit, cursor=cursor
    )
    return Page(data=list(page), cursor=page.cursor)


@router.get("/{job_id}", summary="Get a job")
async def get(job_id: str, gateway: Served, caller: Reader) -> JobRecord:
    """Return the record of a job as it is now."""
    return await gateway.exchange.record(caller, job_id)


class Cancelled(BaseModel):
    """The state that a job is in now: `cancelled`, or `running` while its attempt is being stopped."""

    state: JobState


@router.post("/{job_id}/cancel", summary="Cancel a job")
async def cancel(job_id: str, gateway: Served, caller: Submitter, reason: str = "") -> Cancelled:
    """End a job that has not ended."""
    return Cancelled(state=await gateway.exchange.cancel(caller, job_id, reason))


@router.get(
    "/{job_id}/events",
    summary="Follow a job",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}, 204: {}},
)
async def events(
    job_id: str,
    gateway: Served,
    caller: Reader,
    after: Annotated[int | None, Query(ge=0, description="Only events beyond this number.")] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Any:
    """Send the events of a job as server-sent events, from the first or beyond a number, until the job ends.

    The id of each is its `seq`. 204 to one who resumes and has everything: a browser connects no more then.
    """
    start = _start(after, last_event_id)
    record = await gateway.exchange.record(caller, job_id)
    if record.done and last_event_id is not None and start >= record.events:
        return Response(status_code=204)
    settings = gateway.settings
    return EventStream(
        _frames(gateway, job_id, start), heartbeat_s=settings.heartbeat_s, send_timeout_s=settings.send_timeout_s
    )


def _start(after: int | None, last_event_id: str | None) -> int:
    if last_event_id is None:
        return after or 0
    if not last_event_id.isdecimal():
        raise InvalidRequest("Last-Event-ID", f"{last_event_id!r} must be the number of an event")
    return int(last_event_id)


async def _frames(gateway: Gateway, job_id: str, after: int) -> AsyncIterator[bytes]:
    yield retry_after(RECONNECT_MS)
    async with gateway.client.watch(job_id, after) as following:
        async for event in following:
            yield frame(event.model_dump(mode="json"), event=event.type, id_=str(event.seq))

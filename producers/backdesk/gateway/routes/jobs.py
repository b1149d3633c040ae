"""Jobs: see, list, end and pause them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from backdesk.client.operations.steps import Remembered
from backdesk.gateway.routes.pages import JobPage, Page
from backdesk.gateway.service import Operator, Reader, Served, Submitter
from backdesk.worker.model.job import JobRecord, JobState
from backdesk.worker.text.json import encode

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.get("", summary="List jobs", response_model=JobPage)
async def list_jobs(
    gateway: Served,
    caller: Reader,
    state: JobState | None = None,
    tenant: str | None = None,
    kind: str | None = None,
    code: Annotated[str | None, Query(description="Of the error of jobs that failed.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    cursor: str | None = None,
    fields: Annotated[
        Literal["record", "row"], Query(description="`row` leaves out what jobs were given and gave.")
    ] = "record",
) -> Response:
    """Return a page of jobs, the newest first. One that is not `complete` was not looked for to the end: go on."""
    which: Any = {"state": state, "tenant": caller.only(tenant), "kind": kind, "code": code, "fields": fields}
    page: Any = await gateway.client.list(limit=limit, cursor=cursor, **which)
    told = {
        "data": list(page),
        "cursor": page.cursor,
        "complete": page.complete,
        "looked_at": page.looked_at,
        "of": page.of,
    }
    return Response(encode(told), media_type="application/json")


@router.get("/{job_id}", summary="Get a job", response_model=JobRecord)
async def get(
    job_id: str,
    gateway: Served,
    caller: Reader,
    wait: Annotated[float, Query(ge=0, description="Seconds to wait for its end first.")] = 0,
) -> Response:
    """Return the record of a job as it is now, or once it has ended."""
    wait_s = min(wait, gateway.settings.max_wait_s)
    return Response(encode(await gateway.exchange.wait(caller, job_id, wait_s)), media_type="application/json")


@router.get(
    "/{job_id}/result",
    summary="Get the result of a job",
    response_model=Any,
    responses={202: {"model": JobRecord, "description": "It goes on"}, 409: {"description": "It has none"}},
)
async def result(
    job_id: str,
    gateway: Served,
    caller: Reader,
    wait: Annotated[float, Query(ge=0, description="Seconds to wait for its end first.")] = 0,
) -> Response:
    """Return the result, wherever it is kept; of a job that was steered, that of the job which took its message."""
    record = await gateway.exchange.wait(caller, job_id, min(wait, gateway.settings.max_wait_s))
    if record.steered_into is not None:
        record = await gateway.exchange.wait(caller, record.steered_into, min(wait, gateway.settings.max_wait_s))
    if not record.done:
        return Response(encode(record), 202, {"retry-after": "1"}, "application/json")
    return Response(encode(await gateway.client.result(record.id)), media_type="application/json")


class StateNow(BaseModel):
    """The state that a job is in now."""

    state: JobState


class Reason(BaseModel):
    """Why something is done."""

    reason: str = ""


@router.post("/{job_id}/cancel", summary="Cancel a job")
async def cancel(job_id: str, gateway: Served, caller: Submitter, body: Reason | None = None) -> StateNow:
    """End a job that has not ended; it may be `running` for a moment still. Idempotent."""
    return StateNow(state=await gateway.exchange.cancel(caller, job_id, body.reason if body else ""))


@router.delete("/{job_id}", summary="Forget a job", status_code=204, response_class=Response)
async def forget(job_id: str, gateway: Served, caller: Operator) -> None:
    """Forget a job that has ended, with its log and all else that is its own."""
    await gateway.exchange.forget(caller, job_id)


class Remark(BaseModel):
    """A remark that is kept with what is done."""

    note: str = ""


@router.post("/{job_id}/pause", summary="Pause a job")
async def pause(job_id: str, gateway: Served, caller: Operator, body: Remark | None = None) -> StateNow:
    """Have a job wait at its next checkpoint, without a slot. Idempotent."""
    await gateway.exchange.record(caller, job_id)
    note = body.note if body else ""
    return StateNow(state=await gateway.client.pause(job_id, by=caller.name, note=note))


class Done(BaseModel):
    """Whether there was anything to be done."""

    done: bool


@router.post("/{job_id}/resume", summary="Resume a job")
async def resume(job_id: str, gateway: Served, caller: Operator, body: Remark | None = None) -> Done:
    """Have a paused job go on where it was."""
    await gateway.exchange.record(caller, job_id)
    return Done(done=await gateway.client.resume(job_id, by=caller.name, note=body.note if body else ""))


@router.get("/{job_id}/children", summary="List the jobs that a job has called")
async def children(job_id: str, gateway: Served, caller: Reader) -> Page[str]:
    """Return their ids."""
    await gateway.exchange.record(caller, job_id)
    return Page(data=await gateway.client.children(job_id))


@router.get("/{job_id}/memory", summary="List what a job has finished")
async def memory(job_id: str, gateway: Served, caller: Reader) -> Page[Remembered]:
    """Return its steps, answers and called jobs, without their values."""
    await gateway.exchange.record(caller, job_id)
    return Page(data=await gateway.client.memory(job_id))


@router.get("/{job_id}/prompts", summary="List what was sent to models")
async def sent(job_id: str, gateway: Served, caller: Operator) -> Page[Any]:
    """Return the requests of a job to models, as they were sent but for masks."""
    await gateway.exchange.record(caller, job_id)
    return Page(data=await gateway.client.sent(job_id))

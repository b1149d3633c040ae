"""Doing jobs again: dead letters, replays, and rewinding to a step."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from backdesk.client.operations.dead_letters import Replay as KeptReplay
from backdesk.gateway.routes.jobs import Done
from backdesk.gateway.routes.moments import SINCE, Since, moment
from backdesk.gateway.routes.pages import Page
from backdesk.gateway.routes.submissions import WrittenJob
from backdesk.gateway.service import Operator, Reader, Served
from backdesk.worker.model.job import JobRecord
from backdesk.worker.text.json import encode

router = APIRouter(tags=["dead letters"])


@router.get("/v1/dead_letters", summary="List dead letters", response_model=Page[JobRecord])
async def dead_letters(
    gateway: Served,
    caller: Reader,
    tenant: str | None = None,
    kind: str | None = None,
    code: str | None = None,
    category: str | None = None,
    since: Since = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    cursor: str | None = None,
    all: Annotated[bool, Query(description="Also those that were replayed.")] = False,  # noqa: A002 - the name there
) -> Response:
    """Return a page of jobs that failed for good, the newest first."""
    page = await gateway.client.dead.list(
        tenant=caller.only(tenant),
        kind=kind,
        code=code,
        category=category,
        since=moment(since),
        limit=limit,
        cursor=cursor,
        all=all,
    )
    return Response(encode({"data": list(page), "cursor": page.cursor}), media_type="application/json")


class Replay(BaseModel):
    """How a job is done again."""

    model_config = ConfigDict(extra="forbid")

    resume: bool = Field(True, description="Whether what it has finished is taken over.")
    request: Any = Field(None, description="A request in place of its own.")
    priority: int | None = Field(None, ge=0, le=9)
    delay: float | None = None
    timeout: float | None = None
    retry: dict[str, Any] | None = None
    budget: dict[str, Any] | None = None
    expires: float | datetime | None = None
    slots: int | None = None


@router.post("/v1/jobs/{job_id}/replay", status_code=201, summary="Replay a dead letter")
async def replay(job_id: str, gateway: Served, caller: Operator, body: Replay | None = None) -> WrittenJob:
    """Do a job again that failed, was cancelled or expired, as a new job."""
    await gateway.exchange.record(caller, job_id)
    job = await gateway.client.dead.replay(job_id, **(body.model_dump(exclude_unset=True) if body else {}))
    return WrittenJob(id=job.id, created=job.created)


class Rewinding(BaseModel):
    """From where a job is done again, and what is different then."""

    model_config = ConfigDict(extra="forbid")

    to: str | int = Field(description="The key of a step, question or call, or its position in the memory of the job.")
    request: Any = Field(None, description="A request in place of its own.")
    values: dict[str, Any] | None = Field(None, description="Results of steps in place of those it had.")
    repeat: bool = Field(False, description="Whether it is meant that unsafe steps are done again.")


@router.post("/v1/jobs/{job_id}/rewind", status_code=201, summary="Rewind a job to a step")
async def rewind(job_id: str, gateway: Served, caller: Operator, body: Rewinding) -> WrittenJob:
    """Do a job again from a step of its own, as a new job."""
    await gateway.exchange.record(caller, job_id)
    job = await gateway.client.rewind(job_id, to=body.to, request=body.request, values=body.values, repeat=body.repeat)
    return WrittenJob(id=job.id, created=job.created)


class ManyReplays(BaseModel):
    """Which dead letters are done again."""

    model_config = ConfigDict(extra="forbid")

    tenant: str | None = None
    kind: str | None = None
    code: str | None = None
    category: str | None = None
    since: str | None = Field(None, description=SINCE)
    resume: bool = True
    limit: int = Field(1000, ge=1, le=1000)


class Replayed(BaseModel):
    """What became of a dead letter: the new job, or why there is none."""

    origin: str
    job_id: str | None
    created: bool
    refused: str | None

    @classmethod
    def of(cls, replay: KeptReplay) -> Self:
        """Return it as it is answered."""
        refused = None if replay.refused is None else str(replay.refused)
        return cls(origin=replay.origin, job_id=replay.job_id, created=replay.created, refused=refused)


@router.post("/v1/dead_letters/replay", summary="Replay many dead letters")
async def replay_many(gateway: Served, caller: Operator, body: ManyReplays) -> Page[Replayed]:
    """Do all of them again that fit; tells which were, and why others were not."""
    which = body.model_dump(exclude={"tenant", "since"})
    done = await gateway.client.dead.replay_many(tenant=caller.only(body.tenant), since=moment(body.since), **which)
    return Page(data=[Replayed.of(each) for each in done])


@router.delete("/v1/dead_letters/{job_id}", summary="Drop a dead letter")
async def drop(job_id: str, gateway: Served, caller: Operator) -> Done:
    """Forget a job that failed for good."""
    await gateway.exchange.record(caller, job_id)
    return Done(done=await gateway.client.dead.drop([job_id]) > 0)

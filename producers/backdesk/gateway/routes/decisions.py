"""What jobs ask of people, and what they are told."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response, status
from pydantic import BaseModel, Field

from backdesk.gateway.routes.pages import Page
from backdesk.gateway.service import Operator, Reader, Served
from backdesk.worker.model.asks import AskType, OpenAsk

router = APIRouter(tags=["asks"])

NOTHING: Any = {"status_code": status.HTTP_204_NO_CONTENT, "response_class": Response}


@router.get("/v1/asks", summary="List what jobs ask of people")
async def asks(
    gateway: Served,
    caller: Reader,
    tenant: str | None = None,
    kind: str | None = None,
    within: Annotated[float | None, Query(ge=0, description="Only those to be answered in so many seconds.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    cursor: str | None = None,
) -> Page[OpenAsk]:
    """Return a page of open asks, the most urgent first."""
    page = await gateway.client.asks(tenant=caller.only(tenant), kind=kind, within=within, limit=limit, cursor=cursor)
    return Page(data=list(page), cursor=page.cursor)


class Decision(BaseModel):
    """A decision on an approval."""

    ask: str | None = Field(None, description="Which approval is meant, if there are several.")
    note: str = ""


class Words(Decision):
    """The answer to a question."""

    answer: str


class Outcome(Decision):
    """What became of a step of unknown outcome."""

    outcome: Literal["done", "repeat", "fail"]
    result: Any = Field(None, description="What the step would have returned, if it was done.")


@router.post("/v1/jobs/{job_id}/approve", summary="Approve what a job asks", **NOTHING)
async def approve(job_id: str, gateway: Served, caller: Operator, body: Decision | None = None) -> None:
    """Let a waiting job do what it asks approval for."""
    said = body or Decision(ask=None)
    await gateway.exchange.decide(caller, job_id, AskType.APPROVAL, "approve", note=said.note, ask=said.ask)


@router.post("/v1/jobs/{job_id}/deny", summary="Deny what a job asks", **NOTHING)
async def deny(job_id: str, gateway: Served, caller: Operator, body: Decision | None = None) -> None:
    """Refuse a waiting job what it asks approval for."""
    said = body or Decision(ask=None)
    await gateway.exchange.decide(caller, job_id, AskType.APPROVAL, "deny", note=said.note, ask=said.ask)


@router.post("/v1/jobs/{job_id}/answer", summary="Answer what a job asks", **NOTHING)
async def answer(job_id: str, gateway: Served, caller: Operator, body: Words) -> None:
    """Answer a question, in words or by one of its choices."""
    await gateway.exchange.decide(caller, job_id, AskType.QUESTION, body.answer, note=body.note, ask=body.ask)


@router.post("/v1/jobs/{job_id}/resolve", summary="Say what became of a step", **NOTHING)
async def resolve(job_id: str, gateway: Served, caller: Operator, body: Outcome) -> None:
    """Say what became of a step that must not be repeated and whose outcome nobody knows."""
    await gateway.exchange.may_decide(caller, job_id, body.ask)
    await gateway.client.resolve(job_id, body.outcome, body.result, by=caller.name, note=body.note, ask=body.ask)

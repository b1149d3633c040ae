"""The kinds of job that can be asked for."""

from __future__ import annotations

from fastapi import APIRouter

from backdesk.gateway.routes.pages import Page
from backdesk.gateway.service import Operator, Reader, Served
from backdesk.worker.model.contract import KindContract
from backdesk.worker.model.prompt import KindPrompt

router = APIRouter(prefix="/v1/kinds", tags=["kinds"])


@router.get("", summary="List kinds")
async def list_kinds(gateway: Served, caller: Reader) -> Page[KindContract]:
    """Return what workers have announced, with the schemas of requests and results."""
    return Page(data=await gateway.exchange.kinds(caller))


@router.get("/{kind}", summary="Get a kind")
async def get_kind(kind: str, gateway: Served, caller: Reader) -> KindContract:
    """Return one kind."""
    return await gateway.exchange.kind(caller, kind)


@router.get("/{kind}/prompts", summary="List what the agents of a kind are told")
async def prompts(kind: str, gateway: Served, _: Operator) -> Page[KindPrompt]:
    """Return the prompts that its workers announce, with their texts."""
    return Page(data=await gateway.client.prompts(kind))

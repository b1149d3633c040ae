"""Conversations: what was said, over all of their jobs. Paths of our own; a dialect has another form of them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from backdesk.gateway.routes.jobs import Done
from backdesk.gateway.routes.pages import Page
from backdesk.gateway.service import Operator, Reader, Served

router = APIRouter(prefix="/v1/talks", tags=["conversations"])


@router.get("", summary="List conversations")
async def list_conversations(
    gateway: Served, caller: Reader, tenant: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 50
) -> Page[Any]:
    """Return the heads of conversations of a tenant, the newest first."""
    return Page(data=list(await gateway.client.conversations.list(tenant=caller.tenant_of(tenant), limit=limit)))


@router.get("/{conversation_id}", summary="Get a conversation", response_model=Any)
async def get(conversation_id: str, gateway: Served, caller: Reader, tenant: str | None = None) -> Any:
    """Return what was said, turn by turn."""
    return await gateway.client.conversations.get(conversation_id, tenant=caller.tenant_of(tenant))


@router.delete("/{conversation_id}", summary="Forget a conversation")
async def forget(conversation_id: str, gateway: Served, caller: Operator, tenant: str | None = None) -> Done:
    """Forget what was said."""
    return Done(done=await gateway.client.conversations.forget(conversation_id, tenant=caller.tenant_of(tenant)))

"""Who did what."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from backdesk.gateway.routes.pages import Page
from backdesk.gateway.service import Admin, Served
from backdesk.worker.model.audit import AuditEntry, Part

router = APIRouter(prefix="/v1/audit", tags=["audit"])


@router.get("", summary="List who did what")
async def audit(
    gateway: Served,
    caller: Admin,
    tenant: Annotated[str | None, Query(description="Only what callers of this tenant did.")] = None,
    part: Part | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    cursor: str | None = None,
) -> Page[AuditEntry]:
    """Return a page of the log, the newest first; to callers of a tenant what its own did."""
    page = await gateway.client.audit.list(tenant=caller.only(tenant), part=part, limit=limit, cursor=cursor)
    return Page(data=list(page), cursor=page.cursor)

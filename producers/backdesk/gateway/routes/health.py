"""Whether the gateway lives, and whether it can serve."""

from __future__ import annotations

from fastapi import APIRouter

from backdesk.gateway.service import Served

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Whether the process lives")
async def alive() -> dict[str, str]:
    """Answer, as long as the process can."""
    return {"status": "ok"}


@router.get("/readyz", summary="Whether it reaches Redis")
async def ready(gateway: Served) -> dict[str, str]:
    """Ask Redis; 503 when that does not answer."""
    await gateway.client.counts()
    return {"status": "ok"}

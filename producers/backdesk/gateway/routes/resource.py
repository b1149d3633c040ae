"""Where clients learn by whose tokens they are let in (RFC 9728)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Request

from backdesk.gateway.access.addresses import own_origin
from backdesk.gateway.service import Served

router = APIRouter(tags=["people"])

PATH = "/.well-known/oauth-protected-resource"


@router.get(PATH, include_in_schema=False)
@router.get(f"{PATH}/{{resource:path}}", include_in_schema=False)
async def metadata(request: Request, gateway: Served) -> dict[str, Any]:
    """Return which issuer's access tokens are taken here. There is no such document while none are."""
    settings = gateway.settings
    if settings.oidc_issuer is None or settings.oidc_audience is None:
        raise HTTPException(404)
    return {
        "resource": settings.oidc_audience,
        "authorization_servers": [settings.oidc_issuer],
        "bearer_methods_supported": ["header"],
        "resource_name": "backdesk",
        "resource_documentation": f"{own_origin(request, settings.public_url, settings.proxies)}/v1/openapi.json",
    }

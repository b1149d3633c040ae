"""Whoever asks from this machine, while there are no keys."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from backdesk.client import AsyncJobClient, StoreUnavailable
from backdesk.gateway.access.addresses import (
    is_forwarded,
    is_loopback,
    is_loopback_name,
    is_same_origin,
    name_of,
    own_origin,
)
from backdesk.gateway.access.fresh import Fresh
from backdesk.gateway.settings import GatewaySettings
from backdesk.worker.model.access import Scope


class LocalTrust:
    """What a request may do for where it is from. There is none where others are served, and none beside keys."""

    def __init__(self, client: AsyncJobClient, settings: GatewaySettings, fresh_s: float) -> None:
        self._client = client
        self._cors = settings.cors
        # Where others are served, what seems to come from here may have come through a proxy.
        self._closed = bool(settings.require_key or settings.public_url or settings.hosts or settings.oidc_issuer)
        self._keyless: Fresh[bool] = Fresh(fresh_s)

    async def scope_of(self, request: HTTPConnection) -> Scope | None:
        """Return what a request may do because it is from here, None if that is no reason."""
        if self._closed or not self._is_from_here(request):
            return None
        if self._keyless.get(""):
            return Scope.ADMIN
        try:
            self._closed = await self._client.keys.any()  # a key that was revoked is one, too: they stay
        except StoreUnavailable:
            return Scope.READ  # of the process itself, as there is nothing else to read
        if self._closed:
            return None
        self._keyless.put("", value=True)
        return Scope.ADMIN

    def _is_from_here(self, request: HTTPConnection) -> bool:
        peer = request.client.host if request.client else ""
        if (
            not is_loopback(peer)
            or is_forwarded(request)
            or not is_loopback_name(name_of(request.headers.get("host", "")))
        ):
            return False
        page = urlsplit(request.headers.get("origin", ""))
        if page.scheme in {"http", "https"} and page.netloc and is_loopback_name(name_of(page.netloc)):
            return True  # a page that this machine serves
        return is_same_origin(request, own_origin(request, None, ()), self._cors)

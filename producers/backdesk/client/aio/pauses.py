"""Pauses: what does not begin for now, though it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backdesk.client.operations.pauses import Paused, PauseOperations, PauseStatus, PauseStatuses
from backdesk.client.over_http.served import served

if TYPE_CHECKING:
    from backdesk.client.aio.client import AsyncJobClient


class Pauses:
    """What is paused in a deployment, `client.pauses`: kinds, queues, tenants, and calls to outside services."""

    def __init__(self, client: AsyncJobClient) -> None:
        self._client = client
        self._operations = served(client.core, PauseOperations)

    async def begin(
        self,
        *,
        kind: str | None = None,
        queue: str | None = None,
        tenant: str | None = None,
        service: str | None = None,
        by: str = "",
        note: str = "",
    ) -> PauseStatus:
        """Let no job begin of a kind, a kind of a tenant (both named), a queue or a tenant; what runs, runs on.

        Jobs are taken as before, and wait. The limits that are set stay, and hold again when it ends. Calls to a
        `service` are kept from it as by `breakers.open`: their jobs are parked, or use the fallback. `by` and `note`
        say who and why. Idempotent; what is paused already keeps its since. Atomic, but for a service. Raises
        InvalidRequest for anything else than one of these.
        """
        what = Paused(kind=kind, queue=queue, tenant=tenant, service=service)
        return await self._client.do(self._operations.begin(what, by, note))

    async def end(
        self,
        *,
        kind: str | None = None,
        queue: str | None = None,
        tenant: str | None = None,
        service: str | None = None,
    ) -> bool:
        """Let what was paused go on within its limits, at once; returns whether it was paused. Idempotent."""
        what = Paused(kind=kind, queue=queue, tenant=tenant, service=service)
        return await self._client.do(self._operations.end(what))

    async def list(self) -> PauseStatuses:
        """Return what is paused now, by scope. Not atomic."""
        return await self._client.do(self._operations.list())

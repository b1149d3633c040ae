"""Circuit breakers: outside services that are left alone for a while, by failures or by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from backdesk.client.operations.service_limits import BreakerStatuses, ServiceLimitOperations
from backdesk.client.over_http.served import served
from backdesk.worker.model.service import BreakerState

if TYPE_CHECKING:
    from backdesk.client.aio.client import AsyncJobClient


class Breakers:
    """The circuit breakers of a deployment, `client.breakers`."""

    def __init__(self, client: AsyncJobClient) -> None:
        self._client = client
        self._operations = served(client.core, ServiceLimitOperations)

    async def list(self) -> BreakerStatuses:
        """Return the circuit breaker of each service that has ever failed or was switched by hand."""
        return await self._client.do(self._operations.breakers())

    async def open(self, resource: str, for_: float | timedelta | None = None) -> BreakerState:
        """Keep all calls from a service, for a time (seconds or timedelta) or until it is closed; returns what it was.

        Its jobs are parked, or use the fallback. No probe closes it.
        """
        return await self._client.do(self._operations.switch(resource, BreakerState.OPEN, for_))

    async def close(self, resource: str) -> BreakerState:
        """Let calls reach a service again, whatever its probe has found; returns the state it was in."""
        return await self._client.do(self._operations.switch(resource, BreakerState.CLOSED, None))

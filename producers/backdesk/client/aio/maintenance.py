"""The notice that the deployment is under maintenance."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from backdesk.client.operations.deployment import DeploymentOperations
from backdesk.client.over_http.served import served
from backdesk.worker.model.deployment import MaintenanceNotice

if TYPE_CHECKING:
    from backdesk.client.aio.client import AsyncJobClient


class Maintenance:
    """The notice of a maintenance, `client.maintenance`."""

    def __init__(self, client: AsyncJobClient) -> None:
        self._client = client
        self._operations = served(client.core, DeploymentOperations)

    async def get(self) -> MaintenanceNotice | None:
        """Return the notice of a maintenance, None while there is none."""
        return await self._client.do(self._operations.maintenance())

    async def begin(self, message: str, for_: float | timedelta | None = None) -> MaintenanceNotice:
        """Tell that the deployment is under maintenance, for a time (seconds or timedelta) or until `end`.

        It informs and stops nothing: jobs run on, and their bodies may tell whom they serve. Another message takes the
        place of the one before; since when stays. Raises InvalidRequest for a message over 500 characters, or a time
        that is not from a second to 30 days.
        """
        return await self._client.do(self._operations.begin_maintenance(message, for_))

    async def end(self) -> bool:
        """Tell no longer that the deployment is under maintenance; returns whether it was told. Idempotent."""
        return await self._client.do(self._operations.end_maintenance())

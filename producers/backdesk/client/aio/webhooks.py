"""Webhooks: addresses that are told of events."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from backdesk.client.operations.webhooks import (
    KEPT_FOR,
    Deliveries,
    Endpoints,
    EndpointStanding,
    EventTypes,
    SecretEndpoint,
    WebhookOperations,
    tenant_or_all,
)
from backdesk.client.over_http.served import served
from backdesk.worker.model.webhook import Format, WebhookEndpoint

if TYPE_CHECKING:
    from backdesk.client.aio.client import AsyncJobClient


class Webhooks:
    """The webhook endpoints of a deployment, `client.webhooks`. Redis holds no secret of theirs."""

    def __init__(self, client: AsyncJobClient) -> None:
        self._client = client
        self._operations = served(client.core, WebhookOperations)

    async def add(
        self,
        url: str,
        events: EventTypes,
        *,
        tenant: str | None = None,
        format: Format | str = Format.STANDARD,  # noqa: A002 - what it is called everywhere
        description: str = "",
    ) -> SecretEndpoint:
        """Have an address told of events from now on; returns it with its secret, which is told this once.

        `events` are types such as `job.succeeded`; those of `tenant`, None stands for all. The format `openai` has
        `response.completed`, `response.failed` and `response.cancelled`, of kinds that one can talk to. Each event
        becomes a job `webhook.deliver` that is tried for three days. Raises InvalidRequest, also for an address that is
        not public; ConfigurationError without BACKDESK_WEBHOOK_KEY.
        """
        return await self._client.do(self._operations.add(url, events, tenant_or_all(tenant), format, description))

    async def list(self, *, tenant: str | None = None) -> Endpoints:
        """Return all endpoints, the oldest first; with a `tenant` those that are for it alone."""
        return await self._client.do(self._operations.list(tenant))

    async def get(self, endpoint_id: str) -> WebhookEndpoint:
        """Return one; raises WebhookNotFound."""
        return await self._client.do(self._operations.get(endpoint_id))

    async def standing(self, endpoint_id: str) -> EndpointStanding:
        """Return one, and how deliveries to it have gone; raises WebhookNotFound."""
        return await self._client.do(self._operations.standing(endpoint_id))

    async def update(
        self,
        endpoint_id: str,
        *,
        url: str | None = None,
        events: EventTypes | None = None,
        description: str | None = None,
    ) -> WebhookEndpoint:
        """Change what is given; deliveries under way go to the new address. Raises as `add`, WebhookNotFound."""
        given = {"url": url, "events": events, "description": description}
        changes = {name: value for name, value in given.items() if value is not None}
        return await self._client.do(self._operations.change(endpoint_id, changes))

    async def rotate(self, endpoint_id: str, *, keep_old_for: timedelta = KEPT_FOR) -> SecretEndpoint:
        """Give an endpoint a new secret, which is told this once; the one before signs beside it for a while."""
        return await self._client.do(self._operations.rotate(endpoint_id, keep_old_for))

    async def test(self, endpoint_id: str) -> str:
        """Send an `endpoint.test`; returns the id of its job. Raises WebhookNotFound, InvalidRequest if disabled."""
        return await self._client.do(self._operations.test(endpoint_id))

    async def enable(self, endpoint_id: str) -> WebhookEndpoint:
        """Tell an endpoint of events again; its outbox is delivered. Idempotent. Raises WebhookNotFound."""
        return await self._client.do(self._operations.switch(endpoint_id, on=True))

    async def disable(self, endpoint_id: str, *, because: str = "by hand") -> WebhookEndpoint:
        """Tell an endpoint of nothing until it is enabled: what happens meanwhile it never hears of. Idempotent."""
        return await self._client.do(self._operations.switch(endpoint_id, on=False, because=because))

    async def remove(self, endpoint_id: str) -> bool:
        """Forget an endpoint, and what it was still to be told of; returns whether it was there. Idempotent."""
        return await self._client.do(self._operations.remove(endpoint_id))

    async def deliveries(self, endpoint_id: str, *, limit: int = 100) -> Deliveries:
        """Return the newest deliveries to an endpoint, 1,000 at most. Raises WebhookNotFound, InvalidRequest."""
        return await self._client.do(self._operations.deliveries(endpoint_id, limit))

    async def resend(self, endpoint_id: str, delivery_id: str) -> str:
        """Send a delivery again, with the `webhook-id` and bytes that it had; returns the id of the new job.

        Raises WebhookNotFound, JobNotFound for a delivery that is unknown or another endpoint's.
        """
        return await self._client.do(self._operations.resend(endpoint_id, delivery_id))

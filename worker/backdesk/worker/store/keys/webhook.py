"""Webhooks: their endpoints, what is to be told to each, and what became of it."""

from __future__ import annotations

from backdesk.worker.store.keys.prefixed import Prefixed


class WebhookKeys(Prefixed):
    """Webhooks: their endpoints, what is to be told to each, and what became of it."""

    __slots__ = ()

    @property
    def webhooks(self) -> str:
        """Hash: endpoint to its definition as JSON. Kept until removed."""
        return f"{self.prefix}:webhooks"

    def webhook(self, endpoint: str) -> str:
        """Hash: how an endpoint is: since when it fails, what was delivered, dropped. Kept with its definition."""
        return f"{self.prefix}:webhook:{endpoint}"

    @property
    def webhooks_enabled(self) -> str:
        """Set: the endpoints that are told of events. Gone when empty, which is all that events then look at."""
        return f"{self.prefix}:webhooks-enabled"

    def webhook_subscribers(self, tenant: str, event: str) -> str:
        """Set: enabled endpoints that want a type of event of a tenant, `*` stands for each. Gone when empty."""
        return f"{self.prefix}:webhook-subscribers:{tenant}:{event}"

    def webhook_outbox(self, endpoint: str) -> str:
        """List: events that an endpoint is to be told of, the oldest first, as JSON. Gone when empty."""
        return f"{self.prefix}:webhook-outbox:{endpoint}"

    @property
    def webhook_outboxes(self) -> str:
        """Set: the endpoints that have an outbox. Gone when empty."""
        return f"{self.prefix}:webhook-outboxes"

    def webhook_under_way(self, endpoint: str) -> str:
        """Zset: deliveries to an endpoint that have not ended, by when in ms they were made. Gone when empty."""
        return f"{self.prefix}:webhook-under-way:{endpoint}"

    def webhook_deliveries(self, endpoint: str) -> str:
        """Zset: the newest deliveries to an endpoint, by when in ms they were made. Kept with the endpoint; bounded."""
        return f"{self.prefix}:webhook-deliveries:{endpoint}"

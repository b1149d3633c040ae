"""The webhooks of a bench: endpoints, the relay, and all deliveries."""

from __future__ import annotations

from typing import Any

from backdesk.client import JobClient
from backdesk.client.operations.webhooks import SecretEndpoint
from backdesk.kinds.webhook.contract import KIND
from backdesk.testing import Bench
from backdesk.worker.model.contract import ModelCheck
from backdesk.worker.model.job import JobRecord
from backdesk.worker.services.webhook_relay import WebhookRelay
from backdesk.worker.store.connection import connect
from tests.support.http_site import Site, Told

TAKEN = Told(b"ok")


class Hooks:
    """The webhooks of a bench: endpoints at paths of a site, the relay, and all deliveries."""

    def __init__(self, bench: Bench, site: Site) -> None:
        self.bench, self.site = bench, site
        check = ModelCheck(KIND.queue, KIND.request)
        self.client = JobClient(settings=bench.settings, checks={KIND.kind: check})
        self.webhooks = self.client.webhooks
        self.redis = connect(bench.settings.url)
        self.service = WebhookRelay(
            self.redis, bench.settings, lambda: True, lambda: round(bench.now.timestamp() * 1000)
        )

    def add(self, *events: str, path: str = "/hook", **options: Any) -> SecretEndpoint:
        self.site.answers.setdefault(path, TAKEN)
        return self.webhooks.add(self.site.url(path), events or ("job.succeeded",), **options)

    def deliver(self, made: SecretEndpoint) -> list[JobRecord]:
        """Relay what is in outboxes and make the next attempt at each delivery; the records, the newest first."""
        self.service.tick()
        found = []
        for delivery in self.webhooks.deliveries(made.endpoint.id):
            job = self.bench.job(delivery.id)
            if not job.record.done:
                self.bench.attempt(job)
            found.append(job.record)
        return found

    def health(self, made: SecretEndpoint) -> Any:
        return self.webhooks.standing(made.endpoint.id).health

    def close(self) -> None:
        self.client.close()
        self.redis.close()

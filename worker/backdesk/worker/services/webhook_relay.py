"""The relay of webhooks: what stands in outboxes becomes jobs that deliver it. The elected worker's does it.

The script that brings an event about puts it into the outboxes in the same step, and the one that makes the deliveries
takes it out in the same step: whoever dies in between, nothing is lost and nothing is told twice. It also disables
endpoints: those that are gone (410), and those that have taken nothing for days.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import redis

from backdesk.worker.model.contract import KindContract
from backdesk.worker.model.webhook import TEST, Format, WebhookEndpoint
from backdesk.worker.process.periodic import Periodic, PeriodicService
from backdesk.worker.settings import Settings
from backdesk.worker.store.calls import text
from backdesk.worker.store.key_watch import LONGEST_WAIT_S, KeyWatch
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.moments import moment
from backdesk.worker.store.scripts import run
from backdesk.worker.store.webhooks import OutboxEntry, WebhookCalls, read_endpoint
from backdesk.worker.submit.webhook_delivery import delivery_of

log = logging.getLogger(__name__)

#: Events of one endpoint that are made into jobs by one script, and such rounds over all endpoints of one tick.
BATCH = 50
MAX_ROUNDS = 20
#: Deliveries to one endpoint that have not ended, at most; what is beyond waits in its outbox.
MOST_UNDER_WAY = 10_000
#: An endpoint that has taken nothing for so long is disabled.
PATIENCE = timedelta(days=5)
#: How often it is looked whose time is over.
JUDGED_EVERY_S = 10.0


class WebhookRelay(PeriodicService):
    """Relays events to deliveries while `leads` says that this worker is the elected one. `clock` gives ms in tests."""

    def __init__(
        self,
        client: redis.Redis,
        settings: Settings,
        leads: Callable[[], bool],
        clock: Callable[[], int] | None = None,
    ) -> None:
        self._watch = KeyWatch(client)
        super().__init__(
            Periodic("webhooks", LONGEST_WAIT_S, self.tick, retry_s=settings.tick_s, watch=self._watch),
            Periodic("webhooks-judge", max(JUDGED_EVERY_S, settings.tick_s), self.judge),
        )
        self._client = client
        self._leads = leads
        self._keys = Keys(settings.prefix)
        self._calls = WebhookCalls(settings, clock)
        self._base_url = settings.gateway_public_url or ""
        self._clock = clock

    def tick(self) -> None:
        """Make deliveries of what is in outboxes, of each endpoint as many in turn. Idempotent."""
        for _ in range(MAX_ROUNDS):
            if not self._leads() or not self._round():
                return

    def _round(self) -> int:
        """Relay one batch of each endpoint that has an outbox; returns how many events that were."""
        keys = self._keys
        (found,) = self._watch.read(("SMEMBERS", keys.webhook_outboxes))
        ids = [text(each) for each in found]
        if not ids:
            return 0
        definitions = self._client.hmget(keys.webhooks, ids)
        return sum(self._relay(each, read_endpoint(raw)) for each, raw in zip(ids, definitions, strict=True))

    def _relay(self, endpoint_id: str, endpoint: WebhookEndpoint | None) -> int:
        if endpoint is None or not endpoint.enabled:
            return 0
        keys = self._keys
        with self._client.pipeline(transaction=False) as pipe:
            pipe.zcard(keys.webhook_under_way(endpoint_id))
            pipe.lrange(keys.webhook_outbox(endpoint_id), 0, BATCH - 1)
            under_way, raw = pipe.execute()
        raw = raw[: max(0, MOST_UNDER_WAY - under_way)]
        if not raw:
            return 0
        entries = [OutboxEntry.model_validate_json(each) for each in raw]
        records = self._about(entries)
        told = zip(entries, records, strict=True)
        fitting = [(entry, about) for entry, about in told if endpoint.format is Format.STANDARD or self._talks(entry)]
        jobs = [delivery_of(endpoint, entry, about, base_url=self._base_url) for entry, about in fitting]
        made = run(self._client, self._calls.relay(endpoint_id, raw[0], len(raw), jobs))
        return 0 if made < 0 else len(raw)

    def _about(self, entries: Sequence[OutboxEntry]) -> list[dict[str, str]]:
        """Return what the records of the jobs say that entries are about."""
        fields = ("conversation", "traceparent")
        with self._client.pipeline(transaction=False) as pipe:
            for entry in entries:
                pipe.hmget(self._keys.job(str(entry.data.get("job_id", ""))), *fields)
            replies: list[list[Any]] = pipe.execute()
        return [
            {name: text(value) for name, value in zip(fields, reply, strict=True) if value is not None}
            for reply in replies
        ]

    def _talks(self, entry: OutboxEntry) -> bool:
        """Whether an event is of a response, that is, of a kind that one can talk to."""
        if entry.type == TEST:
            return True
        raw = self._client.hget(self._keys.kinds, str(entry.data.get("kind", "")))
        return raw is not None and KindContract.model_validate_json(raw).chat is not None

    def judge(self) -> None:
        """Disable endpoints that are gone, or have taken nothing for `PATIENCE`. Idempotent."""
        if not self._leads():
            return
        now = datetime.now(UTC) if self._clock is None else moment(self._clock())
        for raw_id, raw in self._client.hgetall(self._keys.webhooks).items():
            endpoint = read_endpoint(raw)
            if endpoint is not None and endpoint.enabled:
                gone, since = self._client.hmget(self._keys.webhook(text(raw_id)), "gone", "failing_since")
                if because := _verdict(gone, since, now):
                    self._disable(endpoint, raw, because, now)

    def _disable(self, endpoint: WebhookEndpoint, raw: bytes | str, because: str, now: datetime) -> None:
        disabled = endpoint.model_copy(update={"disabled_at": now, "disabled_because": because})
        if run(self._client, self._calls.hook(disabled, raw)):
            facts = {"endpoint": endpoint.id, "tenant": endpoint.tenant, "reason": because}
            log.warning("webhook_disabled", extra=facts)


def _verdict(gone: object, since: bytes | str | None, now: datetime) -> str:
    if gone:
        return "it answered 410 Gone"
    if since and now - moment(int(since)) >= PATIENCE:
        return f"nothing could be delivered for {PATIENCE.days} days"
    return ""

"""Webhook endpoints: kept, changed, tried and looked at; and the deliveries to them, sent again."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError
from pydantic_core import to_json

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Calls, Commands, Operation
from backdesk.platform.public_address import PrivateAddress, check_ip
from backdesk.worker.errors import InvalidRequest, JobNotFound, WebhookNotFound
from backdesk.worker.memory.webhook_secrets import shown, webhook_keys_of
from backdesk.worker.model.contract import field_errors
from backdesk.worker.model.job import EVERY_TENANT, JobRecord
from backdesk.worker.model.webhook import (
    MOST_ENDPOINTS,
    TEST,
    Secret,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookHealth,
    is_delivery,
    new_endpoint_id,
)
from backdesk.worker.store.calls import text
from backdesk.worker.store.moments import moment
from backdesk.worker.store.webhooks import OutboxEntry, WebhookCalls, read_endpoint, read_health
from backdesk.worker.submit.webhook_delivery import LABEL, new_delivery

# Named here because inside the clients `list` is a method.
Endpoints = list[WebhookEndpoint]
Deliveries = list[WebhookDelivery]
EventTypes = Iterable[str]
#: How long the secret before is good after a rotation, unless that is said.
KEPT_FOR = timedelta(hours=24)
MOST_LISTED = 1000
#: Names that lead into this machine or its network, wherever they are looked up.
_LOCAL = frozenset({"localhost", "local", "internal", ""})


@dataclass(frozen=True, slots=True)
class SecretEndpoint:
    """An endpoint with its secret, which is told this once."""

    endpoint: WebhookEndpoint
    secret: str


@dataclass(frozen=True, slots=True)
class EndpointStanding:
    """An endpoint, and how deliveries to it have gone."""

    endpoint: WebhookEndpoint
    health: WebhookHealth


class WebhookOperations:
    """The operations on webhooks. Times are those of Redis."""

    def __init__(self, core: JobOperations) -> None:
        self._core = core
        self._keys = core.keys
        self._calls = WebhookCalls(core.settings)
        self._secrets = webhook_keys_of(core.settings)

    def add(self, url: str, events: EventTypes, tenant: str, form: str, description: str) -> Operation[SecretEndpoint]:
        """Keep an endpoint. Raises InvalidRequest; ConfigurationError where there is no key for its secret."""
        self._check_url(url)
        secret = Secret(number=1, key=self._secrets.newest)
        time, count = yield Commands([("TIME",), ("HLEN", self._keys.webhooks)])
        if count >= MOST_ENDPOINTS:
            raise InvalidRequest("url", f"there are {count} endpoints, and may be {MOST_ENDPOINTS}: remove some")
        endpoint = _checked(
            id=new_endpoint_id(),
            url=url,
            events=_listed(events),
            tenant=tenant,
            format=form,
            description=description,
            created_at=_moment(time),
            secrets=(secret,),
        )
        yield Calls([self._calls.hook(endpoint)])
        return self._told(endpoint)

    def list(self, tenant: str | None) -> Operation[Endpoints]:
        """Return endpoints, the oldest first; with a tenant only those for it alone."""
        (found,) = yield Commands([("HVALS", self._keys.webhooks)])
        endpoints = [each for each in map(read_endpoint, found) if each and tenant in {None, each.tenant}]
        return sorted(endpoints, key=lambda each: (each.created_at, each.id))

    def get(self, endpoint_id: str) -> Operation[WebhookEndpoint]:
        """Return one. Raises WebhookNotFound."""
        return (yield from self._known(endpoint_id))[0]

    def standing(self, endpoint_id: str) -> Operation[EndpointStanding]:
        """Return one, and how deliveries to it have gone. Raises WebhookNotFound."""
        endpoint = yield from self.get(endpoint_id)
        keys = self._keys
        outbox, under_way = keys.webhook_outbox(endpoint_id), keys.webhook_under_way(endpoint_id)
        fields, waiting, count = yield Commands(
            [("HGETALL", keys.webhook(endpoint_id)), ("LLEN", outbox), ("ZCARD", under_way)]
        )
        # By RESP2 a hash comes as a list.
        pairs = fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
        return EndpointStanding(endpoint, read_health(pairs, int(waiting), int(count)))

    def change(self, endpoint_id: str, changes: dict[str, Any]) -> Operation[WebhookEndpoint]:
        """Change what is given: `url`, `events`, `description`. Raises InvalidRequest, WebhookNotFound."""
        if "url" in changes:
            self._check_url(changes["url"])
        if "events" in changes:
            changes["events"] = _listed(changes["events"])
        return (yield from self._changed(endpoint_id, lambda _endpoint, _now: changes))

    def rotate(self, endpoint_id: str, kept_for: timedelta) -> Operation[SecretEndpoint]:
        """Give an endpoint a new secret; the one before signs beside it for so long."""
        if kept_for < timedelta(0) or kept_for > timedelta(days=365):
            raise InvalidRequest("keep_old_for", "must be from nothing to a year")
        newest = self._secrets.newest

        def rotated(endpoint: WebhookEndpoint, now: datetime) -> dict[str, Any]:
            before = (endpoint.good_secrets(now) or endpoint.secrets)[0]
            old = before.model_copy(update={"until": now + kept_for})
            # Two signatures at most: a third secret would be one that nobody remembers.
            return {"secrets": (Secret(number=endpoint.secrets[0].number + 1, key=newest), old)}

        return self._told((yield from self._changed(endpoint_id, rotated)))

    def switch(self, endpoint_id: str, *, on: bool, because: str = "") -> Operation[WebhookEndpoint]:
        """Enable an endpoint, or disable it; idempotent. Raises WebhookNotFound."""

        def switched(endpoint: WebhookEndpoint, now: datetime) -> dict[str, Any]:
            if endpoint.enabled == on:
                return {}
            return {"disabled_at": None if on else now, "disabled_because": "" if on else because[:200]}

        return (yield from self._changed(endpoint_id, switched))

    def remove(self, endpoint_id: str) -> Operation[bool]:
        """Forget an endpoint and what it was still to be told of; returns whether it was there."""
        (done,) = yield Calls([self._calls.unhook(endpoint_id)])
        return bool(done)

    def test(self, endpoint_id: str) -> Operation[str]:
        """Have an endpoint told of `endpoint.test`, and return the id of the delivery. Raises WebhookNotFound."""
        endpoint = yield from self.get(endpoint_id)
        if not endpoint.enabled:
            raise InvalidRequest("id", f"{endpoint_id} is disabled: enable it first")
        (time,) = yield Commands([("TIME",)])
        event = f"evt_{secrets.token_hex(20)}"
        at = _moment(time).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        data = {"endpoint": endpoint_id, "job_id": f"test-{event[4:20]}"}
        entry = OutboxEntry(id=event, type=TEST, at=at, tenant=endpoint.tenant, data=data)
        yield Calls([self._calls.post(endpoint_id, entry)])
        return f"{endpoint_id}.{event}"

    def deliveries(self, endpoint_id: str, limit: int) -> Operation[Deliveries]:
        """Return the newest deliveries to an endpoint. Raises WebhookNotFound, InvalidRequest."""
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST_LISTED:
            raise InvalidRequest("limit", f"{limit!r} must be a whole number from 1 to {MOST_LISTED}")
        yield from self.get(endpoint_id)
        (ids,) = yield Commands([("ZREVRANGE", self._keys.webhook_deliveries(endpoint_id), 0, limit - 1)])
        records = yield from self._core.records([text(each) for each in ids])
        return [_delivery(endpoint_id, record) for record in records if record is not None]

    def resend(self, endpoint_id: str, delivery_id: str) -> Operation[str]:
        """Send a delivery again, with the same id and bytes; returns the id of the new one.

        Raises WebhookNotFound, JobNotFound.
        """
        endpoint = yield from self.get(endpoint_id)
        record = yield from self._core.get(delivery_id)
        label = record.metadata.get(LABEL, {})
        if not is_delivery(record.kind) or label.get("endpoint") != endpoint_id:
            raise JobNotFound(delivery_id)
        request = to_json((yield from self._core.request_of(record)))
        job = new_delivery(endpoint, request, to_json({LABEL: label}), f"{label['event']}.{secrets.token_hex(4)}")
        yield from self._core.write(job)
        (time,) = yield Commands([("TIME",)])
        listed = round(_moment(time).timestamp() * 1000)
        yield Commands([("ZADD", self._keys.webhook_deliveries(endpoint_id), listed, job.id)])
        return job.id

    def _known(self, endpoint_id: str) -> Operation[tuple[WebhookEndpoint, bytes]]:
        (raw,) = yield Commands([("HGET", self._keys.webhooks, endpoint_id)])
        endpoint = read_endpoint(raw)
        if endpoint is None:
            raise WebhookNotFound(endpoint_id)
        return endpoint, raw

    def _changed(self, endpoint_id: str, change: Any) -> Operation[WebhookEndpoint]:
        while True:  # until nobody else has changed it between reading and writing
            (time,) = yield Commands([("TIME",)])
            endpoint, raw = yield from self._known(endpoint_id)
            changed = _checked(**(endpoint.model_dump() | change(endpoint, _moment(time))))
            (done,) = yield Calls([self._calls.hook(changed, raw)])
            if done:
                return changed

    def _told(self, endpoint: WebhookEndpoint) -> SecretEndpoint:
        return SecretEndpoint(endpoint, shown(self._secrets.secret(endpoint.id, endpoint.secrets[0])))

    def _check_url(self, url: object) -> None:
        check_url(url, private=self._core.settings.webhook_private)


def check_url(url: object, *, private: bool) -> None:
    """Raise InvalidRequest for what is plainly no public address; where a name leads is looked at by each delivery."""
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidRequest("url", "must be the address of a page, in printable ASCII")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise InvalidRequest("url", "is no address of a page") from None
    schemes = ("https", "http") if private else ("https",)
    if parts.scheme not in schemes or not host or "@" in parts.netloc or parts.fragment:
        raise InvalidRequest("url", f"must begin with {schemes[0]}://, and have a host, no user and no fragment")
    if port == 0:
        raise InvalidRequest("url", "has a port that nothing answers on")
    _check_host(host, private=private)


def _check_host(host: str, *, private: bool) -> None:
    try:
        check_ip(host, host, private=private)
    except PrivateAddress as error:
        raise InvalidRequest("url", f"{error}, and must be public") from None
    except ValueError:  # a name, or a number that some resolvers take for an address
        last = host.rstrip(".").rpartition(".")[2]
        if last.isdigit() or last.startswith("0x") or (not private and last in _LOCAL):
            raise InvalidRequest("url", "must be on a public host") from None


def _listed(events: EventTypes) -> list[str]:
    if isinstance(events, str):
        raise InvalidRequest("events", "must be a list of types of events")
    return [*events]


def _checked(**fields: Any) -> WebhookEndpoint:
    try:
        return WebhookEndpoint(**fields)
    except ValidationError as error:
        found = {name.partition(".")[0]: why for name, why in field_errors(error).items()}
        raise InvalidRequest.of(found) from None


def _moment(time: Any) -> datetime:
    return moment(int(time[0]) * 1000 + int(time[1]) // 1000)


def _delivery(endpoint_id: str, record: JobRecord) -> WebhookDelivery:
    label = record.metadata.get(LABEL, {})
    failure = record.error or next((each.error for each in reversed(record.attempts) if each.error), None)
    return WebhookDelivery(
        id=record.id,
        endpoint=endpoint_id,
        event=label.get("event", ""),
        type=label.get("type", ""),
        job_id=label.get("job_id"),
        state=record.state,
        attempt=record.attempt,
        created_at=record.created_at,
        finished_at=record.finished_at,
        next_at=None if record.done else record.run_at,
        code=failure.code if failure else "",
        message=failure.message if failure else "",
    )


def tenant_or_all(tenant: str | None) -> str:
    """Return whose events are meant: those of all tenants where none is named."""
    return EVERY_TENANT if tenant is None else tenant

"""The calls that keep webhook endpoints and tell them of events. Pure: nothing here speaks to Redis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_json

from backdesk.worker.model.service import Limits
from backdesk.worker.model.webhook import AT_A_TIME, WebhookEndpoint, WebhookHealth
from backdesk.worker.settings import Settings
from backdesk.worker.store.calls import CallBuilder, text
from backdesk.worker.store.jobs import NewJob, Transitions
from backdesk.worker.store.moments import moment
from backdesk.worker.store.scripts import Call
from backdesk.worker.store.signature import COMMON

_LIMIT = to_json(Limits(concurrent=AT_A_TIME), exclude_none=True)
_COUNTS = ("delivered", "failed", "dropped")
_MOMENTS = ("delivered_at", "failed_at", "failing_since")


class OutboxEntry(BaseModel):
    """An event that an endpoint is to be told of, as the script wrote it that brought it about."""

    model_config = ConfigDict(frozen=True)

    id: str
    type: str
    #: ISO 8601, in UTC.
    at: str
    tenant: str
    data: dict[str, Any]


class WebhookCalls(CallBuilder):
    """Builds the calls about webhooks. `clock` as for CallBuilder."""

    def __init__(self, settings: Settings, clock: Callable[[], int] | None = None) -> None:
        super().__init__(settings, clock)
        self._transitions = Transitions(settings, clock)

    def hook(self, endpoint: WebhookEndpoint, known: bytes | str = b"") -> Call[bool]:
        """Keep a definition in place of the one that was known; gives False when there is another one meanwhile."""
        types = endpoint.events if endpoint.enabled else ()
        return self._call(
            "hook",
            bool,
            types,
            id=endpoint.id,
            definition=endpoint.model_dump_json(),
            known=known,
            tenant=endpoint.tenant,
            limit=_LIMIT,
        )

    def unhook(self, endpoint: str) -> Call[bool]:
        """Forget an endpoint; gives whether it was there."""
        return self._call("unhook", bool, id=endpoint)

    def endpoint(self, endpoint: str) -> Call[WebhookEndpoint | None]:
        """Read one; None when there is none."""
        return self._call("endpoint", read_endpoint, id=endpoint)

    def post(self, endpoint: str, entry: OutboxEntry) -> Call[bool]:
        """Put an event into one outbox; gives whether there is such an endpoint."""
        return self._call("post", bool, endpoint=endpoint, entry=entry.model_dump_json())

    def relay(self, endpoint: str, first: bytes, taken: int, jobs: Sequence[NewJob]) -> Call[int]:
        """Make the oldest entries of an outbox into deliveries; gives how many are new, -1 when nothing was done."""
        submitted = self._transitions.submit(jobs).arguments[len(COMMON) :] if jobs else ()
        return self._call("relay", int, submitted, endpoint=endpoint, first=first, taken=taken)


def read_endpoint(raw: bytes | str | None) -> WebhookEndpoint | None:
    """Return an endpoint; None where there is none, or one that a later version has written."""
    try:
        return WebhookEndpoint.model_validate_json(raw) if raw else None
    except ValidationError:
        return None


def read_health(fields: Mapping[bytes, bytes], waiting: int, under_way: int) -> WebhookHealth:
    """Return how deliveries to an endpoint have gone."""
    raw = {text(name): text(value) for name, value in fields.items()}
    return WebhookHealth(
        **{name: int(raw[name]) for name in _COUNTS if name in raw},
        **{name: moment(int(raw[name])) for name in _MOMENTS if name in raw},
        failed_with=raw.get("failed_with", ""),
        waiting=waiting,
        under_way=under_way,
    )

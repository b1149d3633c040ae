"""Webhooks: who is told of what, and in which form. Plain values, no Redis."""

from __future__ import annotations

import secrets
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from backdesk.worker.model.job import EVERY_TENANT, Name

#: The kind of job that makes one delivery.
DELIVERY = "webhook.deliver"
#: The types of events that endpoints choose from, in the order of a job's life.
JOB_EVENTS = (
    "job.scheduled",
    "job.queued",
    "job.started",
    "job.waiting",
    "job.retrying",
    "job.succeeded",
    "job.steered",
    "job.failed",
    "job.cancelled",
    "job.expired",
)
EVENT_TYPES = (*JOB_EVENTS, "schedule.missed", "budget.reached")
#: What an endpoint is sent to try it, whatever it has chosen.
TEST = "endpoint.test"
#: What endpoints of the format `openai` can be told of, and what that is called there.
OPENAI_EVENTS = {
    "job.succeeded": "response.completed",
    "job.failed": "response.failed",
    "job.cancelled": "response.cancelled",
    "job.expired": "response.failed",
}
#: Deliveries to one endpoint at a time, unless its limit says otherwise: a slow one holds up no other work.
AT_A_TIME = 10
MOST_ENDPOINTS = 1000


def is_delivery(kind: str) -> bool:
    """Return whether a kind is one of deliveries, of whose jobs nobody is told."""
    return kind.startswith("webhook.")


class Format(StrEnum):
    """How a body is written."""

    #: `{"type", "timestamp", "data"}` of Standard Webhooks.
    STANDARD = "standard"
    #: The events `response.…` that OpenAI's clients unwrap.
    OPENAI = "openai"


class Secret(BaseModel):
    """One version of an endpoint's secret, which follows from the deployment's key of that id. Good until `until`."""

    model_config = ConfigDict(frozen=True)

    number: int = Field(ge=1)
    key: str
    until: AwareDatetime | None = None


class WebhookEndpoint(BaseModel):
    """An address that is told of events. `tenant` is the one whose events, `*` stands for all; the newest secret first.

    One that is disabled has the `disabled_because`.
    """

    model_config = ConfigDict(frozen=True)

    id: str = Field(pattern=r"^we_[0-9a-f]{24}$")
    url: str = Field(min_length=1, max_length=2048)
    tenant: Name | Annotated[str, Field(pattern=r"^\*$")] = EVERY_TENANT
    format: Format = Format.STANDARD
    events: tuple[str, ...] = Field(min_length=1)
    description: str = Field("", max_length=500, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")
    created_at: AwareDatetime
    disabled_at: AwareDatetime | None = None
    disabled_because: str = ""
    secrets: tuple[Secret, ...] = ()

    @field_validator("events", mode="before")
    @classmethod
    def _in_our_words(cls, events: object) -> object:
        """Take the names of OpenAI, of which one may stand for several of ours, and each once."""
        if not isinstance(events, list):
            return events
        ours = (meant for each in events for meant in _meant_by(each))
        return tuple(dict.fromkeys(ours))

    @field_validator("events")
    @classmethod
    def _fits_format(cls, events: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        form = info.data.get("format", Format.STANDARD)
        allowed = OPENAI_EVENTS if form is Format.OPENAI else EVENT_TYPES
        if wrong := [each for each in events if each not in allowed]:
            raise ValueError(f"{wrong[0]!r} is none of those of the format {form}: {', '.join(allowed)}")
        return events

    @property
    def enabled(self) -> bool:
        """Whether it is told of events."""
        return self.disabled_at is None

    def good_secrets(self, now: datetime) -> list[Secret]:
        """Return the secrets with which a delivery is signed now, the newest first."""
        return [each for each in self.secrets if each.until is None or now < each.until]


class WebhookHealth(BaseModel):
    """How deliveries to an endpoint have gone. `waiting` are events that are still to be made into deliveries.

    `dropped` are those for which there was no room any more.
    """

    model_config = ConfigDict(frozen=True)

    delivered: int = 0
    failed: int = 0
    dropped: int = 0
    waiting: int = 0
    under_way: int = 0
    delivered_at: AwareDatetime | None = None
    failed_at: AwareDatetime | None = None
    failed_with: str = ""
    failing_since: AwareDatetime | None = None


def new_endpoint_id() -> str:
    """Return an id that no other endpoint has."""
    return f"we_{secrets.token_hex(12)}"


class WebhookDelivery(BaseModel):
    """One delivery, which is a job: what of, and what became of it. `code` and `message` say why it failed last."""

    model_config = ConfigDict(frozen=True)

    id: str
    endpoint: str
    event: str
    type: str
    job_id: str | None = None
    state: str
    attempt: int
    created_at: AwareDatetime
    finished_at: AwareDatetime | None = None
    next_at: AwareDatetime | None = None
    code: str = ""
    message: str = ""


def _meant_by(event: object) -> list[object]:
    """Return the types of events that a name stands for: itself, unless it is one of OpenAI's."""
    return [ours for ours, theirs in OPENAI_EVENTS.items() if theirs == event] or [event]

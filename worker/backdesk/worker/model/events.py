"""The events of a job: the public contract of progress, the same on the channel and in the event log.

One event is one JSON object, `{"v":1,"seq":7,"job_id":"...","kind":"...","tenant":"...","attempt":1,"at":"...Z",
"type":"progress","data":{...}}`. `seq` counts from 1 without gaps; the last event of a job is its terminal one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from backdesk.worker.model.plan import PlanStep


class EventType(StrEnum):
    """The types that backdesk itself emits. A body may emit others of its own, in lower case."""

    QUEUED = "queued"
    SCHEDULED = "scheduled"
    STARTED = "started"
    PROGRESS = "progress"
    PLAN = "plan"
    TOKEN = "token"  # noqa: S105 - a piece of a model's answer, not a secret
    AGENT = "agent"
    MODEL_CALLED = "model_called"
    MODEL_RETURNED = "model_returned"
    TOOL_CALLED = "tool_called"
    TOOL_PROGRESS = "tool_progress"
    TOOL_RETURNED = "tool_returned"
    REVIEW = "review"
    INPUT_FLAGGED = "input_flagged"
    CACHE_HIT = "cache_hit"
    FILE_KEPT = "file_kept"
    STEP = "step"
    LIMITED = "limited"
    RETRYING = "retrying"
    WAITING = "waiting"
    ANSWERED = "answered"
    STEERING = "steering"
    LOG_FULL = "log_full"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    STEERED = "steered"


TERMINAL_EVENTS = frozenset(
    {EventType.SUCCEEDED, EventType.FAILED, EventType.CANCELLED, EventType.EXPIRED, EventType.STEERED}
)

#: Written only by a transition of the store; a body that could emit them could lie about its job.
LIFECYCLE_EVENTS = TERMINAL_EVENTS | {
    EventType.QUEUED,
    EventType.SCHEDULED,
    EventType.STARTED,
    EventType.LIMITED,
    EventType.RETRYING,
    EventType.WAITING,
    EventType.ANSWERED,
    EventType.STEP,
    EventType.STEERING,
    EventType.LOG_FULL,
}

_CUSTOM_TYPE = re.compile(r"^[a-z][a-z0-9_.]{0,63}$")


class JobEvent(BaseModel):
    """One event, as subscribers and readers of the log get it."""

    model_config = ConfigDict(frozen=True)

    v: Literal[1] = 1
    seq: int
    job_id: str
    kind: str
    tenant: str
    attempt: int
    #: How many states of the job stood in this place before; see docs/events.md.
    replaced: int = 0
    at: datetime
    type: str
    data: dict[str, Any] = {}

    @property
    def terminal(self) -> bool:
        """Whether this is the last event of its job."""
        return self.type in TERMINAL_EVENTS

    @property
    def plan(self) -> list[PlanStep]:
        """The steps that a `plan` event tells, all of them; none for other events, and for data of another shape."""
        steps = self.data.get("steps") if self.type == EventType.PLAN else None
        try:
            return [PlanStep.model_validate(step) for step in steps] if isinstance(steps, list) else []
        except ValidationError:
            return []


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event before the store gives it its place: a type, and `data` as JSON.

    Without a type it is what was sent to a model, as `model.sent` keeps it.
    """

    type: str
    data: bytes


def check_emittable(event_type: str) -> None:
    """Raise ValueError for a type that a body may not emit: one of the life cycle, or a malformed name."""
    if event_type in LIFECYCLE_EVENTS:
        raise ValueError(f"event type {event_type!r} belongs to the life cycle of the job and is written by the store")
    if not _CUSTOM_TYPE.fullmatch(event_type):
        raise ValueError(f"event type {event_type!r} must match {_CUSTOM_TYPE.pattern}")

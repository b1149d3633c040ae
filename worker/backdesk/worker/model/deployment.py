"""The state of a whole deployment at one moment, and the notice that it is under maintenance. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from backdesk.worker.errors import InvalidRequest

#: A notice is a sentence or two that agents repeat to customers. Characters.
LONGEST_MESSAGE = 500
#: Seconds.
SHORTEST_NOTICE_S, LONGEST_NOTICE_S = 1.0, 30 * 86_400.0


class MaintenanceNotice(BaseModel):
    """What an operator tells of a maintenance. It informs, and stops nothing. `until` is None when no end is set."""

    model_config = ConfigDict(frozen=True)

    message: str
    since: datetime
    until: datetime | None = None


class QueueState(BaseModel):
    """Jobs of a queue that run, and that stand in line or are being delivered; slots of the workers that read it.

    `queued` is an estimate where jobs of more than 200 tenants wait.
    """

    model_config = ConfigDict(frozen=True)

    running: int = 0
    queued: int = 0
    slots: int = 0


class Demand(BaseModel):
    """The slots that a queue could use now: those that are taken, and those that jobs would take which may begin.

    `held` would be taken by jobs in line that limits or pauses keep from beginning. Jobs behind another one of their
    conversation, or that wait for a time, for others or for a budget, are in neither. Where more than 200 tenants wait,
    `runnable` and `held` are estimates.
    """

    model_config = ConfigDict(frozen=True)

    queue: str
    wanted_slots: int
    running: int
    runnable: int
    held: int


class SystemState(BaseModel):
    """What the deployment has to do and to do it with. Jobs that wait for a time or for others are not counted.

    `slots` and `workers` are of live workers; those that are about to end give no slots, and one that reads two queues
    has its slots once. `queued` has all that are queued, those behind another job of their conversation included.
    """

    model_config = ConfigDict(frozen=True)

    at: datetime
    running: int
    queued: int
    slots: int
    workers: int
    queues: Mapping[str, QueueState]
    #: None while there is no maintenance.
    maintenance: MaintenanceNotice | None = None

    @property
    def load(self) -> float | None:
        """Jobs that run or are queued for each slot: over 1, some have to wait. None when there is no slot."""
        return (self.running + self.queued) / self.slots if self.slots else None


def checked_message(message: str) -> str:
    """Return the message of a notice, stripped; raises InvalidRequest."""
    if not isinstance(message, str) or not message.strip():
        raise InvalidRequest("message", "must say what customers are to know, in a sentence")
    told = message.strip()
    if len(told) > LONGEST_MESSAGE:
        raise InvalidRequest("message", f"must have at most {LONGEST_MESSAGE} characters, not {len(told)}")
    if not told.isprintable():
        raise InvalidRequest("message", "must be one line of printable text")
    return told


def checked_span_s(for_: float | timedelta) -> float:
    """Return for how long a notice is given (seconds or a timedelta), in seconds; raises InvalidRequest."""
    seconds = for_.total_seconds() if isinstance(for_, timedelta) else for_
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not number or not SHORTEST_NOTICE_S <= seconds <= LONGEST_NOTICE_S:
        raise InvalidRequest("for", f"must be from 1 second to 30 days, not {for_!r}")
    return float(seconds)

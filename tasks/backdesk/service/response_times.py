"""By when a person answers what agents hand to them, by its priority and the opening hours. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import get_args

from backdesk.platform.business_hours import BusinessHours
from backdesk.platform.contract import Priority
from backdesk.service.contract import EscalationCause

#: In opening hours, of which a day has nine by default.
RESPONSE_HOURS: dict[Priority, float] = {"urgent": 1, "high": 4, "normal": 9, "low": 27}
#: However harmless it may seem to whoever hands it over.
LEAST_PRIORITY: dict[EscalationCause, Priority] = {
    "wants_person": "normal",
    "danger": "urgent",
    "legal_threat": "high",
    "repeated_failure": "high",
    "unanswered": "normal",
}
_RISING: tuple[Priority, ...] = get_args(Priority)


def priority_for(cause: EscalationCause, wished: Priority) -> Priority:
    """Return the priority that was asked for, or the least that the cause has."""
    return max(wished, LEAST_PRIORITY[cause], key=_RISING.index)


def respond_by(priority: Priority, now: datetime, hours: BusinessHours) -> datetime:
    """Return until when a person has answered, in UTC."""
    return hours.add(now, RESPONSE_HOURS[priority])

"""What agents can leave to people."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from backdesk.agents.contract import Action
from backdesk.platform.contract import Priority

#: Why a person has to take over.
EscalationCause = Literal["wants_person", "danger", "legal_threat", "repeated_failure"]


class TicketOpened(Action):
    """A ticket that waits for a person."""

    type: Literal["ticket"] = "ticket"
    ticket_id: str
    priority: Priority
    subject: str


class Escalated(Action):
    """A matter that a person has taken over, and when they have answered."""

    type: Literal["escalation"] = "escalation"
    escalation_id: str
    cause: EscalationCause
    reason: str
    priority: Priority
    respond_by: datetime = Field(description="In UTC; counted in business hours.")

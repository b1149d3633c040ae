"""What agents can leave to people."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from backdesk.agents.contract import Action
from backdesk.agents.phrases import Phrases
from backdesk.platform.contract import Priority

PHRASES = Phrases(Path(__file__).with_name("phrases.toml"))

#: Why a person has to take over.
AgentsCause = Literal["wants_person", "danger", "legal_threat", "repeated_failure"]
#: `unanswered`: no agent came to an answer; that is no reason of the customer's, and makes nothing more urgent.
EscalationCause = AgentsCause | Literal["unanswered"]


class TicketOpened(Action):
    """A ticket that waits for a person."""

    phrases: ClassVar[Phrases] = PHRASES

    type: Literal["ticket"] = "ticket"
    ticket_id: str
    priority: Priority
    subject: str


class Escalated(Action):
    """A matter that a person has taken over, and when they have answered."""

    counts: ClassVar[str] = "escalated"

    type: Literal["escalation"] = "escalation"
    escalation_id: str
    cause: EscalationCause
    reason: str
    priority: Priority
    respond_by: datetime = Field(description="In UTC; counted in business hours.")

"""The desk at which agents work: whom they serve, what they may reach, and what they have really done so far.

One job has one desk. It goes from agent to agent with the conversation, so that a colleague knows what is
known.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tasks.contracts import RefundMade, TicketOpened
from tasks.database import Database


@dataclass(frozen=True, slots=True)
class Transfer:
    """One handoff of the conversation; `previous` is None for the agent that began."""

    agent: str
    previous: str | None
    reason: str


@dataclass(slots=True)
class Desk:
    """The typed context of one job's conversation."""

    database: Database
    tenant: str
    job_id: str
    #: With a customer, orders of others do not exist for the tools.
    customer_id: str | None
    transfers: list[Transfer] = field(default_factory=list)
    actions: list[RefundMade | TicketOpened] = field(default_factory=list)

    def did(self, action: RefundMade | TicketOpened) -> None:
        """Note what was done; a repeat of the same is the same action."""
        if action not in self.actions:
            self.actions.append(action)

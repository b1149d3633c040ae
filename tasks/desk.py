"""The desk at which agents work: whom they serve, what they may reach, and what they have really done so far.

One job has one desk. It goes from agent to agent with the conversation, so that a colleague knows what is
known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tasks.contracts import Action
from tasks.database import Database
from tasks.deployment import Deployment
from worker.context import AttemptContext


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
    #: With a customer, orders of others do not exist for the tools.
    customer_id: str | None
    #: Names an effect of this job for whoever must not let it happen twice: the same in every attempt, and in a
    #: replay that goes on where the job stopped.
    key: Callable[[str], str]
    #: Refunds of more than this wait for a person's approval.
    refund_limit_cents: int
    transfers: list[Transfer] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)

    def did(self, action: Action) -> None:
        """Note what was done; a repeat of the same is the same action."""
        if action not in self.actions:
            self.actions.append(action)


def desk_for(context: AttemptContext, here: Deployment, customer_id: str | None) -> Desk:
    """Set up the desk of the job at hand."""
    limit = here.settings.refund_limit_cents
    return Desk(here.database, context.tenant, customer_id, context.idempotency_key, limit)

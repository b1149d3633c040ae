"""The agents of this deployment, by name. A new specialist is one file, its prompt, and a line here."""

from __future__ import annotations

from tasks.agents.billing import BILLING
from tasks.agents.card import AgentCard
from tasks.agents.refund import REFUND
from tasks.agents.technical import TECHNICAL
from tasks.agents.triage import TRIAGE

#: The agent that every message reaches first.
FIRST = TRIAGE
ROSTER: dict[str, AgentCard] = {card.name: card for card in (TRIAGE, REFUND, TECHNICAL, BILLING)}

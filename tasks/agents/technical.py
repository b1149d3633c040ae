"""The technical specialist: products that do not work, and accounts that do not open."""

from __future__ import annotations

from typing import Literal

from tasks.agents.card import AgentCard, HandOver
from tasks.tools.knowledge import search_articles
from tasks.tools.orders import look_up_order
from tasks.tools.ticket import open_ticket


class FromTechnical(HandOver):
    """Hand the conversation over when it is not a technical matter."""

    to: Literal["refund", "billing"]


TECHNICAL = AgentCard(
    name="technical",
    duty="Looking for a solution",
    hand_over=FromTechnical,
    tools=(search_articles, look_up_order, open_ticket),
)

"""The refund specialist: returns and money back."""

from __future__ import annotations

from typing import Literal

from tasks.agents.card import AgentCard, HandOver
from tasks.tools.orders import look_up_order
from tasks.tools.refund import refund_order
from tasks.tools.ticket import open_ticket


class FromRefund(HandOver):
    """Hand the conversation over when it is not about a return or a refund."""

    to: Literal["technical", "billing"]


REFUND = AgentCard(
    name="refund",
    duty="Checking the order for a refund",
    hand_over=FromRefund,
    tools=(look_up_order, refund_order, open_ticket),
)

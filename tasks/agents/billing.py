"""The billing specialist: payments, invoices, and where an order is."""

from __future__ import annotations

from typing import Literal

from tasks.agents.card import AgentCard, HandOver
from tasks.tools.orders import look_up_order
from tasks.tools.payments import look_up_payments
from tasks.tools.ticket import open_ticket


class FromBilling(HandOver):
    """Hand the conversation over when it is not about a payment, an invoice or a delivery."""

    to: Literal["refund", "technical"]


BILLING = AgentCard(
    name="billing",
    duty="Checking the order and its payments",
    hand_over=FromBilling,
    tools=(look_up_order, look_up_payments, open_ticket),
)

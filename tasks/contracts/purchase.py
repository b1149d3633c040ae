"""The kind `shop.purchase`."""

from __future__ import annotations

from pydantic import Field

from tasks.contracts.actions import LineItem, OrderPlaced
from tasks.contracts.agent import AgentRequest, AgentResult
from tasks.contracts.base import Contract, Reference


class CartContent(Contract):
    """What is in a cart, at the prices of now; they are fixed when it is ordered."""

    items: list[LineItem] = Field(default_factory=list)
    total_cents: int = 0
    currency: str


class PurchaseRequest(AgentRequest):
    """What somebody who is shopping writes, for the kind `shop.purchase`."""

    customer_id: Reference | None = Field(
        None,
        description="Whose cart it is, and who buys. Without it the cart is the conversation's, and nothing can be "
        "ordered until a message of the conversation names the customer.",
    )


class PurchaseResult(AgentResult):
    """The answer of the shopping agents."""

    cart: CartContent | None = Field(None, description="What is in the cart afterwards; null when nobody could look.")
    order: OrderPlaced | None = Field(None, description="The order that this message has made, if it has.")

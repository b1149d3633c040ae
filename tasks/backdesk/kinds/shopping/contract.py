"""The kind `shop.purchase`."""

from __future__ import annotations

from pydantic import Field

from backdesk.agents.contract import AgentRequest, AgentResult
from backdesk.platform.contract import KindModels, Reference
from backdesk.shop.contract import CartContent, OrderPlaced


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


KIND = KindModels("shop.purchase", "agents", PurchaseRequest, PurchaseResult)

"""What the contracts of kinds share that are about the shop: carts, and what agents can do for its customers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backdesk.agents.contract import Action
from backdesk.platform.contract import Contract


class RefundMade(Action):
    """Money that went back to the customer."""

    type: Literal["refund"] = "refund"
    refund_id: str
    order_number: int
    amount_cents: int
    currency: str

    def sentence(self) -> str:
        return f"Refund {self.refund_id} for order {self.order_number} is made."


class LineItem(Contract):
    """Some pieces of a product, at the price of one."""

    product_id: int
    product: str
    quantity: int
    unit_cents: int


class CartContent(Contract):
    """What is in a cart, at the prices of now; they are fixed when it is ordered."""

    items: list[LineItem] = Field(default_factory=list)
    total_cents: int = 0
    currency: str


class OrderPlaced(Action):
    """An order that the customer has made and paid."""

    type: Literal["order"] = "order"
    order_number: int
    items: list[LineItem]
    total_cents: int
    currency: str

    def sentence(self) -> str:
        return f"Order {self.order_number} is placed."

"""What the contracts of kinds share that are about the shop: carts, and what agents can do for its customers."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from backdesk.agents.contract import Action
from backdesk.agents.phrases import Phrases, money
from backdesk.platform.contract import Contract

PHRASES = Phrases(Path(__file__).with_name("phrases.toml"))


class RefundMade(Action):
    """Money that went back to the customer."""

    type: Literal["refund"] = "refund"
    refund_id: str
    order_number: int
    amount_cents: int
    currency: str

    phrases: ClassVar[Phrases] = PHRASES

    def words(self, language: str) -> dict[str, object]:
        return super().words(language) | {"amount": money(self.amount_cents, self.currency, language)}


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

    phrases: ClassVar[Phrases] = PHRASES

    def words(self, language: str) -> dict[str, object]:
        return super().words(language) | {"amount": money(self.total_cents, self.currency, language)}

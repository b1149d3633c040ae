"""Compare what a customer has with the knowledge base: which of their products it has advice for."""

from __future__ import annotations

from sqlalchemy import select

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import SIGN_IN_FIRST, Refusal, ToolOutcome
from backdesk.agents.tools import tool
from backdesk.service.knowledge.search import search
from backdesk.shop.purchases import Finding
from backdesk.shop.tables import Order, OrderLine, Product
from backdesk.worker.attempt.ledger import Effect

#: How many products are looked at, those bought last first.
MOST_PRODUCTS = 8


class ProductAdvice(ToolOutcome):
    """A product of the customer, and the titles of the articles that are about it."""

    product: str
    articles: list[str]

    def summary(self) -> str:
        return f"{self.product}: {', '.join(self.articles) or 'no article'}"


class AdviceFound(Finding):
    """The customer's products, those bought last first."""

    products: list[ProductAdvice]

    def summary(self) -> str:
        known = sum(bool(each.articles) for each in self.products)
        return f"{known} of {len(self.products)} products have articles"

    def lines(self) -> list[str]:
        return [each.summary() for each in self.products]


@tool(Effect.PURE)
async def find_advice(desk: Desk) -> AdviceFound | Refusal:
    """Look for articles of the knowledge base about the products that the customer has bought."""
    customer = desk.customer_id
    if customer is None:
        return SIGN_IN_FIRST
    names = await desk.database.in_thread(lambda: _bought(desk, customer))
    found = [await search(desk.database, name) for name in names]
    return AdviceFound(
        products=[
            ProductAdvice(product=name, articles=[*dict.fromkeys(passage.title for passage in each.found)])
            for name, each in zip(names, found, strict=True)
        ]
    )


def _bought(desk: Desk, customer: str) -> list[str]:
    chosen = (
        select(Product.name)
        .join(OrderLine, OrderLine.product_id == Product.id)
        .join(Order, Order.number == OrderLine.order_number)
        .where(Order.customer_id == customer, Order.status != "cancelled")
        .order_by(Order.placed_on.desc(), Order.number.desc())
    )
    with desk.database.read() as session:
        return list(dict.fromkeys(session.scalars(chosen)))[:MOST_PRODUCTS]

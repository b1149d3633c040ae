"""List the customer's orders."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field
from sqlalchemy import func, select

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.tools import tool
from backdesk.kinds.account.tools import not_signed_in
from backdesk.platform.tables import CURRENCY
from backdesk.shop.tables import Order
from backdesk.worker.attempt.ledger import Effect

Limit = Annotated[int, Field(ge=1, le=20, description="How many of the newest orders to list.")]


class ListedOrder(ToolOutcome):
    """One order in the list."""

    order_number: int
    status: str
    placed_on: date
    delivered_on: date | None
    total_cents: int
    products: list[str]

    def summary(self) -> str:
        return f"order {self.order_number}: {self.status}"


class OrdersListed(ToolOutcome):
    """The newest orders, the newest first, and how many there are."""

    total: int
    currency: str = CURRENCY
    orders: list[ListedOrder]

    def summary(self) -> str:
        return f"{len(self.orders)} of {self.total} orders"


@tool(Effect.PURE)
async def list_orders(desk: Desk, limit: Limit = 5) -> OrdersListed | Refusal:
    """List the orders of the customer who is signed in, the newest first."""
    if refused := not_signed_in(desk):
        return refused

    def work() -> OrdersListed:
        with desk.database.read() as session:
            theirs = select(Order).filter_by(customer_id=desk.context.user_id)
            total = session.scalar(select(func.count()).select_from(theirs.subquery())) or 0
            newest = theirs.order_by(Order.placed_on.desc(), Order.number.desc()).limit(limit)
            return OrdersListed(total=total, orders=[_listed(order) for order in session.scalars(newest)])

    return await desk.database.in_thread(work)


def _listed(order: Order) -> ListedOrder:
    return ListedOrder(
        order_number=order.number,
        status=order.status,
        placed_on=order.placed_on,
        delivered_on=order.delivered_on,
        total_cents=order.total_cents,
        products=[line.product.name for line in order.lines],
    )

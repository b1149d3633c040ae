"""Look up an order."""

from __future__ import annotations

from datetime import date

from sqlalchemy.orm import Session

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import SIGN_IN_FIRST, Refusal, ToolOutcome, euros
from backdesk.agents.tools import tool
from backdesk.platform.tables import CURRENCY
from backdesk.shop.arguments import OrderNumber
from backdesk.shop.tables import Order
from backdesk.worker.attempt.ledger import Effect


class OrderItem(ToolOutcome):
    """One line of an order."""

    product: str
    quantity: int
    unit_cents: int

    def summary(self) -> str:
        return f"{self.quantity} x {self.product}"


class OrderFound(ToolOutcome):
    """An order as the agents see it."""

    order_number: int
    customer_id: str
    status: str
    placed_on: date
    delivered_on: date | None
    used: bool
    refund_id: str | None
    total_cents: int
    currency: str = CURRENCY
    items: list[OrderItem]

    def summary(self) -> str:
        delivered = f" on {self.delivered_on}" if self.delivered_on else ""
        return f"order {self.order_number}: {self.status}{delivered}, {euros(self.total_cents, self.currency)}"


@tool(Effect.PURE)
async def look_up_order(desk: Desk, order_number: OrderNumber) -> OrderFound | Refusal:
    """Look up an order: its items, total, status, delivery, and whether it was used or refunded."""

    def work() -> OrderFound | Refusal:
        with desk.database.read() as session:
            order = visible_order(session, desk, order_number)
            return unknown_order(desk, order_number) if order is None else _as_found(order)

    return await desk.database.in_thread(work)


def visible_order(session: Session, desk: Desk, number: int) -> Order | None:
    """Return the order, or None: unknown and another customer's must look the same to a customer."""
    return session.get(Order, number) if desk.customer_id else None


def unknown_order(desk: Desk, number: int) -> Refusal:
    """Return what a tool answers about an order that does not exist for whom the desk serves."""
    return Refusal(refused=f"There is no order {number} for this customer.") if desk.customer_id else SIGN_IN_FIRST


def _as_found(order: Order) -> OrderFound:
    return OrderFound(
        order_number=order.number,
        customer_id=order.customer_id,
        status=order.status,
        placed_on=order.placed_on,
        delivered_on=order.delivered_on,
        used=order.used,
        refund_id=order.refund.id if order.refund else None,
        total_cents=order.total_cents,
        items=[
            OrderItem(product=line.product.name, quantity=line.quantity, unit_cents=line.unit_cents)
            for line in order.lines
        ],
    )

"""Look up what was paid for an order and what went back."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome, euros
from backdesk.agents.tools import tool
from backdesk.platform.tables import CURRENCY
from backdesk.shop.arguments import OrderNumber
from backdesk.shop.orders import unknown_order, visible_order
from backdesk.shop.tables import LedgerEntry
from backdesk.worker.attempt.ledger import Effect


class Movement(ToolOutcome):
    """One movement of money."""

    kind: str
    amount_cents: int
    booked_on: date
    reference: str

    def summary(self) -> str:
        return f"{self.kind} of {self.amount_cents} cents"


class PaymentsFound(ToolOutcome):
    """What the ledger shows for an order; a reference that appears twice is one payment booked twice."""

    order_number: int
    total_cents: int
    paid_cents: int
    refunded_cents: int
    currency: str = CURRENCY
    movements: list[Movement]

    def summary(self) -> str:
        paid, back = euros(self.paid_cents, self.currency), euros(self.refunded_cents, self.currency)
        return f"order {self.order_number}: {paid} paid, {back} refunded"


@tool(Effect.PURE)
async def look_up_payments(desk: Desk, order_number: OrderNumber) -> PaymentsFound | Refusal:
    """Look up the payments and refunds that were booked for an order, to answer questions about charges."""

    def work() -> PaymentsFound | Refusal:
        with desk.database.read() as session:
            order = visible_order(session, desk, order_number)
            if order is None:
                return unknown_order(desk, order_number)
            # The provider's fees are the shop's affair, not the customer's.
            chosen = select(LedgerEntry).where(LedgerEntry.order_number == order.number, LedgerEntry.kind != "fee")
            return _as_found(order.number, order.total_cents, list(session.scalars(chosen.order_by(LedgerEntry.id))))

    return await desk.database.in_thread(work)


def _as_found(number: int, total: int, entries: list[LedgerEntry]) -> PaymentsFound:
    return PaymentsFound(
        order_number=number,
        total_cents=total,
        paid_cents=sum(entry.amount_cents for entry in entries if entry.kind == "payment"),
        refunded_cents=sum(entry.amount_cents for entry in entries if entry.kind == "refund"),
        movements=[
            Movement(kind=e.kind, amount_cents=e.amount_cents, booked_on=e.booked_on, reference=e.reference)
            for e in entries
        ],
    )

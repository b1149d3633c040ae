"""Refund an order: in full, within the policy, once, after the customer's yes; a large one with a person's approval.

The refund, its line in the ledger and the check of the policy are one transaction. The unique order number
of a refund decides between two attempts at the same moment, so that neither threads nor processes nor a
repeated job pay twice.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome, euros, price
from backdesk.agents.proposals.permission import CHANGED, may_act
from backdesk.agents.proposals.terms import Terms
from backdesk.agents.tools import Consent, tool
from backdesk.platform.tables import CURRENCY
from backdesk.shop.arguments import OrderNumber
from backdesk.shop.contract import PHRASES, RefundMade
from backdesk.shop.orders import unknown_order, visible_order
from backdesk.shop.refund_policy import refusal_reason
from backdesk.shop.tables import LedgerEntry, Order, Refund
from backdesk.worker.attempt.ledger import Effect

Reason = Annotated[str, Field(description="Why the customer wants the money back, in a few words.")]


class RefundReceipt(ToolOutcome):
    """The money is on its way back."""

    refund_id: str
    order_number: int
    amount_cents: int
    currency: str = CURRENCY

    def summary(self) -> str:
        amount = euros(self.amount_cents, self.currency)
        return f"refunded {amount} for order {self.order_number} as {self.refund_id}"

    def action(self) -> RefundMade:
        return RefundMade(**self.model_dump())


async def refund_terms(desk: Desk, order_number: OrderNumber, reason: Reason) -> Terms | None:
    """Say what the customer agrees to; nothing if the policy refuses the refund anyway, or it is made already."""

    def work() -> Terms | None:
        with desk.database.read() as session:
            order = _refundable(session, desk, order_number)
            return None if order is None else _terms(order, desk.language)

    return await desk.database.in_thread(work)


async def consent_to_refund(desk: Desk, order_number: OrderNumber, reason: Reason) -> Consent | None:
    """Ask about a refund over the limit, unless the policy refuses it anyway or it is made already."""

    def work() -> Consent | None:
        with desk.database.read() as session:
            order = _refundable(session, desk, order_number)
            if order is None or order.total_cents <= desk.settings.refund_limit_cents:
                return None
            return _consent(order, reason)

    return await desk.database.in_thread(work)


def _refundable(session: Session, desk: Desk, order_number: int) -> Order | None:
    order = visible_order(session, desk, order_number)
    return None if order is None or order.refund is not None or _refused(desk, order) else order


def _terms(order: Order, language: str) -> Terms:
    amount = price(order.total_cents, CURRENCY, language)
    asked = PHRASES.say("ask_refund", language, amount=amount, order_number=order.number)
    return Terms(asked, _facts(order), order.total_cents)


def _facts(order: Order) -> dict[str, Any]:
    return {"order_number": order.number, "amount_cents": order.total_cents, "currency": CURRENCY}


def _consent(order: Order, reason: str) -> Consent:
    facts = {**_facts(order), "customer_id": order.customer_id, "reason": reason}
    return Consent(f"Refund {_amount(order)} for order {order.number}?", facts)


def _amount(order: Order) -> str:
    return euros(order.total_cents, CURRENCY)


async def refunds_made(desk: Desk) -> list[RefundMade]:
    """Return the refunds of this job, whichever attempt made them."""

    def work() -> list[RefundMade]:
        with desk.database.read() as session:
            ours = select(Refund).where(Refund.key.startswith(_key(desk, ""), autoescape=True))
            return [_receipt(refund).action() for refund in session.scalars(ours.order_by(Refund.order_number))]

    return await desk.database.in_thread(work)


@tool(Effect.IDEMPOTENT, terms=refund_terms, consent=consent_to_refund, done=refunds_made)
async def refund_order(desk: Desk, order_number: OrderNumber, reason: Reason) -> RefundReceipt | Refusal:
    """Refund an order in full. Refused unless delivered in the last 30 days, unused and unrefunded."""
    return await desk.database.in_thread(lambda: refund_once(desk, order_number, reason))


def refund_once(desk: Desk, order_number: int, reason: str) -> RefundReceipt | Refusal:
    """Refund, or say why not; the job that made the refund gets its receipt again. Blocks."""
    try:
        with desk.database.write() as session:
            return _refund(session, desk, order_number, reason)
    except IntegrityError:
        return _refunded_before(desk, order_number)


def _refund(session: Session, desk: Desk, order_number: int, reason: str) -> RefundReceipt | Refusal:
    order = visible_order(session, desk, order_number)
    if order is None:
        return unknown_order(desk, order_number)
    session.refresh(order, with_for_update=True)
    if order.refund is not None:
        return _refunded_by(desk, order.refund)
    if refused := _refused(desk, order):
        return Refusal(refused=refused)
    return _pay_back(session, desk, order, reason) if may_act(_facts(order)) else CHANGED


def _refused(desk: Desk, order: Order) -> str | None:
    return refusal_reason(
        status=order.status, delivered_on=order.delivered_on, used=order.used, today=desk.database.today()
    )


def _key(desk: Desk, order_number: int | str) -> str:
    return desk.key(f"refund/{order_number}")


def _pay_back(session: Session, desk: Desk, order: Order, reason: str) -> RefundReceipt:
    refund = Refund(
        id=f"R-{order.number}",
        order_number=order.number,
        amount_cents=order.total_cents,
        reason=reason,
        key=_key(desk, order.number),
        made_at=desk.database.now(),
    )
    session.add(refund)
    session.add(
        LedgerEntry(
            order_number=order.number,
            kind="refund",
            amount_cents=order.total_cents,
            reference=f"ref-{order.number}",
            booked_on=desk.database.today(),
        )
    )
    session.flush()
    return _receipt(refund)


def _refunded_before(desk: Desk, order_number: int) -> RefundReceipt | Refusal:
    with desk.database.read() as session:
        return _refunded_by(desk, session.execute(select(Refund).filter_by(order_number=order_number)).scalar_one())


def _refunded_by(desk: Desk, refund: Refund) -> RefundReceipt | Refusal:
    if refund.key == _key(desk, refund.order_number):
        return _receipt(refund)
    return Refusal(refused=f"The order was already refunded on {refund.made_at:%Y-%m-%d} ({refund.id}).")


def _receipt(refund: Refund) -> RefundReceipt:
    return RefundReceipt(refund_id=refund.id, order_number=refund.order_number, amount_cents=refund.amount_cents)

"""Order what is in the cart: all of it, as the customer agreed to it, once; a large order with a person's approval.

The order, its payment in the ledger and what it takes from the stock are one transaction. The order's number comes from
the cart, so that neither threads nor processes nor a repeated job make two orders of one cart.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome, euros, price
from backdesk.agents.proposals.permission import CHANGED, may_act
from backdesk.agents.proposals.terms import Terms
from backdesk.agents.tools import Consent, tool
from backdesk.platform.tables import CURRENCY
from backdesk.shop.cart import cart_in_words, content_of, open_cart, out_of_stock, owner_of
from backdesk.shop.contract import PHRASES, CartContent, LineItem, OrderPlaced
from backdesk.shop.customers import customer_of
from backdesk.shop.reconciliation import fee_of
from backdesk.shop.tables import Cart, LedgerEntry, Order, OrderLine, Product
from backdesk.worker.attempt.ledger import Effect

#: The numbers of new orders lie beyond all of the sample, those included that only its ledger names.
ORDERS_FROM = 100_000


class OrderReceipt(ToolOutcome):
    """The order is made and paid."""

    order_number: int
    items: list[LineItem]
    total_cents: int
    currency: str = CURRENCY

    def summary(self) -> str:
        return f"ordered as {self.order_number} for {euros(self.total_cents, self.currency)}"

    def action(self) -> OrderPlaced:
        return OrderPlaced(**self.model_dump())

    def learned(self) -> dict[str, Any]:
        return {"cart": CartContent(currency=self.currency)}


async def checkout_terms(desk: Desk) -> Terms | None:
    """Say what the customer agrees to; nothing if the order would be refused anyway, or is made already."""
    content = await _orderable(desk)
    if content is None:
        return None
    items, language = ", ".join(f"{each.quantity} x {each.product}" for each in content.items), desk.language
    amount = price(content.total_cents, content.currency, language)
    asked = PHRASES.say("ask_order", language, items=items, amount=amount)
    return Terms(asked, _facts(content), content.total_cents)


async def consent_to_check_out(desk: Desk) -> Consent | None:
    """Ask about an order over the limit, unless it would be refused anyway or is made already."""
    content = await _orderable(desk)
    if content is None or content.total_cents <= desk.settings.purchase_limit_cents:
        return None
    return _consent(desk, content)


async def _orderable(desk: Desk) -> CartContent | None:
    def work(session: Session) -> CartContent | None:
        cart = open_cart(session, desk)
        if _order_of_job(session, desk) is not None or _refused(session, desk, cart):
            return None
        return content_of(cart)

    return await desk.database.in_thread(lambda: desk.database.contend(work))


def _facts(cart: CartContent) -> dict[str, Any]:
    return cart.model_dump(mode="json")


def _consent(desk: Desk, cart: CartContent) -> Consent:
    facts = {
        "customer_id": desk.customer_id,
        "amount_cents": cart.total_cents,
        "currency": cart.currency,
        "items": [f"{each.quantity} x {each.product}" for each in cart.items],
    }
    return Consent(f"Accept an order of {cart_in_words(cart)}?", facts)


async def orders_placed(desk: Desk) -> list[OrderPlaced]:
    """Return the orders of this job, whichever attempt made them."""

    def work() -> list[OrderPlaced]:
        with desk.database.read() as session:
            order = _order_of_job(session, desk)
            return [] if order is None else [_receipt(order).action()]

    return await desk.database.in_thread(work)


@tool(Effect.IDEMPOTENT, terms=checkout_terms, consent=consent_to_check_out, done=orders_placed)
async def check_out(desk: Desk) -> OrderReceipt | Refusal:
    """Order and pay what is in the cart. Call it when the customer wants to buy now.

    Refused without a known customer, for an empty cart, and when too little is in stock. A large order waits for a
    person's approval by itself, after the customer has agreed.
    """
    return await desk.database.in_thread(lambda: check_out_once(desk))


def check_out_once(desk: Desk) -> OrderReceipt | Refusal:
    """Order, or say why not; the job that made the order gets its receipt again. Blocks."""
    return desk.database.contend(lambda session: _check_out(session, desk))


def _check_out(session: Session, desk: Desk) -> OrderReceipt | Refusal:
    if (made := _order_of_job(session, desk)) is not None:
        return _receipt(made)
    cart = open_cart(session, desk)
    refused = _refused(session, desk, cart)
    if refused or cart is None:
        return Refusal(refused=refused or "The cart is empty.")
    return _receipt(_place(session, desk, cart)) if may_act(_facts(content_of(cart))) else CHANGED


def _order_of_job(session: Session, desk: Desk) -> Order | None:
    number = session.scalar(select(Cart.order_number).filter_by(tenant=desk.tenant, key=_key(desk)))
    return None if number is None else session.get(Order, number)


def _key(desk: Desk) -> str:
    return desk.key("checkout")


def _refused(session: Session, desk: Desk, cart: Cart | None) -> str | None:
    if customer_of(session, desk) is None:
        return "Only a customer who is signed in can order. What is in the cart stays there until then."
    if cart is None or not cart.lines:
        return _about_last_order(session, desk)
    # First the lock, so that neither price nor stock changes after they were looked at. In the order of their ids: who
    # locks the same products waits, instead of both waiting for each other.
    ids = [line.product_id for line in cart.lines]
    locked = select(Product).where(Product.id.in_(ids)).order_by(Product.id).with_for_update()
    session.scalars(locked.execution_options(populate_existing=True)).all()
    short = [out_of_stock(line.product) for line in cart.lines if line.product.stock < line.quantity]
    return " ".join(short) or None


def _about_last_order(session: Session, desk: Desk) -> str:
    ours = select(Cart.order_number).filter_by(tenant=desk.tenant, owner=owner_of(desk))
    last = session.scalar(ours.where(Cart.order_number.is_not(None)).order_by(Cart.id.desc()).limit(1))
    return "The cart is empty." if last is None else f"The cart is empty: what was in it before is order {last}."


def _place(session: Session, desk: Desk, cart: Cart) -> Order:
    number, today, content = ORDERS_FROM + cart.id, desk.database.today(), content_of(cart)
    order = Order(
        number=number,
        customer_id=desk.customer_id,
        status="paid",
        total_cents=content.total_cents,
        placed_on=today,
        used=False,
        lines=[
            OrderLine(product_id=item.product_id, quantity=item.quantity, unit_cents=item.unit_cents)
            for item in content.items
        ],
    )
    session.add(order)
    for line in cart.lines:
        line.product.stock -= line.quantity
    for kind, cents, reference in (
        ("payment", content.total_cents, f"pay-{number}"),
        ("fee", fee_of(content.total_cents), f"fee-{number}"),
    ):
        booked = {"amount_cents": cents, "reference": reference, "booked_on": today}
        session.add(LedgerEntry(order_number=number, kind=kind, **booked))
    session.flush()
    cart.order_number, cart.key = number, _key(desk)
    session.flush()
    return order


def _receipt(order: Order) -> OrderReceipt:
    items = [
        LineItem(
            product_id=line.product_id, product=line.product.name, quantity=line.quantity, unit_cents=line.unit_cents
        )
        for line in order.lines
    ]
    return OrderReceipt(order_number=order.number, items=items, total_cents=order.total_cents)

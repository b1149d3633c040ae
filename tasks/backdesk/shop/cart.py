"""The cart: put something in, take it out, show it.

A cart is a customer's, and the same in all of their conversations; of somebody who is not identified it is the
conversation's, and goes over to the customer once that is known. What a tool sets is how many there shall be in all, so
that a call that is repeated changes nothing.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome, euros
from backdesk.agents.tools import tool
from backdesk.platform.tables import CURRENCY
from backdesk.shop.contract import CartContent, LineItem
from backdesk.shop.products import ProductName, find_product
from backdesk.shop.tables import Cart, CartLine, Product
from backdesk.worker.attempt.ledger import Effect

Quantity = Annotated[int, Field(ge=1, le=100, description="How many of it the cart shall hold in all.")]


class CartShown(ToolOutcome):
    """What is in the cart now, at the prices of now."""

    cart: CartContent
    #: What was put in or taken out last.
    product: str | None = None

    def summary(self) -> str:
        return cart_in_words(self.cart)

    def learned(self) -> dict[str, Any]:
        return {"cart": self.cart} | ({"product": self.product} if self.product else {})


@tool(Effect.IDEMPOTENT, harmless=True)
async def put_in_cart(desk: Desk, product: ProductName, quantity: Quantity = 1) -> CartShown | Refusal:
    """Put a product in the cart, or change how many of it: `quantity` is the number in all, not one more."""

    def put(session: Session) -> CartShown | Refusal:
        found = find_product(session, product)
        if isinstance(found, Refusal):
            return found
        if found.stock < quantity:
            return Refusal(refused=out_of_stock(found))
        cart = open_cart(session, desk) or _new_cart(session, desk)
        _set(session, cart, found.id, quantity)
        return CartShown(cart=content_of(cart), product=found.name)

    return await desk.database.in_thread(lambda: desk.database.contend(put))


@tool(Effect.IDEMPOTENT, harmless=True)
async def remove_from_cart(desk: Desk, product: ProductName) -> CartShown | Refusal:
    """Take a product out of the cart, however many of it there are."""

    def remove(session: Session) -> CartShown | Refusal:
        found = find_product(session, product)
        if isinstance(found, Refusal):
            return found
        cart = open_cart(session, desk)
        if cart is not None:
            _set(session, cart, found.id, 0)
        return CartShown(cart=content_of(cart), product=found.name)

    return await desk.database.in_thread(lambda: desk.database.contend(remove))


@tool(Effect.IDEMPOTENT, harmless=True)
async def show_cart(desk: Desk) -> CartShown:
    """Show what is in the cart, and what it costs."""
    return CartShown(cart=await cart_of(desk))


async def cart_of(desk: Desk) -> CartContent:
    """Return what is in the cart of whom the desk serves."""
    return await desk.database.in_thread(
        lambda: desk.database.contend(lambda session: content_of(open_cart(session, desk)))
    )


def open_cart(session: Session, desk: Desk) -> Cart | None:
    """Return the cart at hand, which nobody else changes until the transaction ends; None when there is none."""
    own = _locked(session, desk, owner_of(desk))
    nobodys = _locked(session, desk, _owner_in_conversation(desk)) if desk.customer_id else None
    if nobodys is None:
        return own
    if own is None:
        nobodys.owner = owner_of(desk)
        return nobodys
    for line in nobodys.lines:  # what was chosen last goes before what was left in the cart
        _set(session, own, line.product_id, line.quantity)
    session.delete(nobodys)
    session.flush()
    return own


def content_of(cart: Cart | None) -> CartContent:
    """Return what is in a cart, at the prices of now."""
    items = [
        LineItem(
            product_id=line.product_id,
            product=line.product.name,
            quantity=line.quantity,
            unit_cents=line.product.price_cents,
        )
        for line in (cart.lines if cart else [])
    ]
    total = sum(each.quantity * each.unit_cents for each in items)
    return CartContent(items=items, total_cents=total, currency=CURRENCY)


def cart_in_words(cart: CartContent) -> str:
    """Say in one line what is in a cart and what it costs."""
    if not cart.items:
        return "the cart is empty"
    items = ", ".join(f"{each.quantity} x {each.product}" for each in cart.items)
    return f"{items}: {euros(cart.total_cents, cart.currency)}"


def out_of_stock(product: Product) -> str:
    """Say that there are not enough of a product."""
    return f"Only {product.stock} of {product.name} are left." if product.stock else f"{product.name} is sold out."


def owner_of(desk: Desk) -> str:
    """Name whose cart it is."""
    return f"customer/{desk.customer_id}" if desk.customer_id else _owner_in_conversation(desk)


def _owner_in_conversation(desk: Desk) -> str:
    return f"conversation/{desk.conversation_id}"


def _locked(session: Session, desk: Desk, owner: str) -> Cart | None:
    chosen = select(Cart).filter_by(tenant=desk.tenant, owner=owner, order_number=None)
    return session.scalars(chosen.with_for_update()).one_or_none()


def _new_cart(session: Session, desk: Desk) -> Cart:
    cart = Cart(tenant=desk.tenant, owner=owner_of(desk), opened_at=desk.database.now())
    session.add(cart)
    session.flush()
    return cart


def _set(session: Session, cart: Cart, product_id: int, quantity: int) -> None:
    line = session.get(CartLine, (cart.id, product_id))
    if line is not None:
        session.delete(line)
        session.flush()
    if quantity:
        session.add(CartLine(cart_id=cart.id, product_id=product_id, quantity=quantity))
    session.flush()
    session.refresh(cart, ["lines"])

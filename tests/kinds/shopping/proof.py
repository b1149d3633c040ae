"""The proof of `shop.purchase`: an order that all three agents come to propose, and a cart that is filled."""

from __future__ import annotations

from sqlalchemy import select

import backdesk.kinds.shopping.kind  # noqa: F401 - registers the kind
from backdesk.kinds.shopping.contract import PurchaseRequest, PurchaseResult
from backdesk.platform.database import Database
from backdesk.shop.checkout import ORDERS_FROM
from backdesk.shop.tables import Cart, Order, Product
from tests.support.openai_simulator import Text, call
from tests.support.proof import Proof, Talk

SHOWN = Text("Two Breeze headphones, 2 at 129.00 EUR: 258.00 EUR in all. Shall I order them?")
ORDERED = Text(f"Your order {ORDERS_FROM + 1} of two Breeze headphones for 258.00 EUR is placed.")
FILLED = Text("A keyboard is in your cart.")


def _proposed_once(result: PurchaseResult, shop: Database) -> None:
    assert (result.answer, result.path) == (SHOWN.text, ["browse", "advise", "purchase"])
    assert (result.order, result.actions) == (None, [])
    assert result.proposal is not None
    assert result.proposal.facts["total_cents"] == 25_800
    with shop.of_all_tenants().read() as session:
        assert session.scalars(select(Order.number).where(Order.number > ORDERS_FROM)).all() == []
        assert session.scalar(select(Product.stock).filter_by(id=2)) == 25


def _ordered_once(result: PurchaseResult, shop: Database) -> None:
    assert (result.answer, result.path, result.proposal) == (ORDERED.text, ["purchase"], None)
    assert result.order is not None
    assert (result.actions, result.order.total_cents) == ([result.order], 25_800)
    with shop.of_all_tenants().read() as session:
        numbers = session.scalars(select(Order.number).where(Order.number > ORDERS_FROM)).all()
        assert numbers == [result.order.order_number]
        assert session.scalar(select(Product.stock).filter_by(id=2)) == 23


def _one_keyboard(result: PurchaseResult, shop: Database) -> None:
    assert (result.answer, result.path) == (FILLED.text, ["browse", "purchase"])
    assert result.order is None
    assert result.cart is not None
    assert [(item.product, item.quantity) for item in result.cart.items] == [("Cobalt keyboard", 1)]
    with shop.of_all_tenants().read() as session:
        assert len(session.scalars(select(Cart).filter_by(owner="customer/cust-2")).all()) == 1


PROOF = Proof(
    "shop.purchase",
    (
        Talk(
            PurchaseRequest(message="Order two of the best headphones", customer_id="cust-1"),
            (
                call("search_products", query="headphones"),
                call("hand_over", to="advise", reason="wants the best"),
                call("look_up_product", product="Breeze headphones"),
                call("hand_over", to="purchase", reason="wants to order two"),
                call("put_in_cart", product="Breeze headphones", quantity=2),
                call("check_out"),
                SHOWN,
            ),
            _proposed_once,
        ),
        Talk(
            PurchaseRequest(message="Put a keyboard in my cart", customer_id="cust-2"),
            (
                call("hand_over", to="purchase", reason="wants a keyboard"),
                call("put_in_cart", product="Cobalt keyboard"),
                FILLED,
            ),
            _one_keyboard,
        ),
    ),
    Talk(
        PurchaseRequest(message="Yes, thank you", customer_id="cust-1"),
        (call("give_answer", verdict="confirm"), ORDERED),
        _ordered_once,
    ),
)

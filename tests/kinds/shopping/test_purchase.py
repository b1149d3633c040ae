"""Shopping: the agents with the offline model over several messages, and over HTTP."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from backdesk.kinds.shopping.contract import PurchaseRequest, PurchaseResult
from backdesk.kinds.shopping.kind import shop_purchase
from backdesk.platform.database import Database
from backdesk.shop.checkout import ORDERS_FROM
from backdesk.shop.tables import Order, Product
from tests.support.memory import Memory
from tests.support.openai_simulator import OpenAISimulator, Text, call
from tests.support.recording import converse

pytestmark = pytest.mark.usefixtures("shop")

REQUEST = PurchaseRequest(message="Order two of the best headphones", customer_id="cust-1")
TO_SELLER = call("hand_over", to="purchase", reason="wants to buy")
SCRIPT = (
    call("search_products", query="headphones"),
    call("hand_over", to="advise", reason="wants the best"),
    call("look_up_product", product="Breeze headphones"),
    TO_SELLER,
    call("put_in_cart", product="Breeze headphones", quantity=2),
    call("check_out"),
    Text("Ordered."),
)


async def shopping(*messages: str, customer: str | None = "cust-1") -> list[PurchaseResult]:
    """Write messages in one conversation, each a job."""
    return [
        await converse(
            shop_purchase,
            PurchaseRequest(message=message, customer_id=customer, conversation_id="talk"),
            f"job-{number}-{customer}",
        )
        for number, message in enumerate(messages)
    ]


async def test_a_conversation_goes_from_browsing_over_advice_to_an_order() -> None:
    found, told, put, order = await shopping(
        "Do you have headphones under 150 euros?", "Tell me more about them", "I'll take two of them", "Check out"
    )
    assert [result.path for result in (found, told, put, order)] == [
        ["browse"],
        ["browse", "advise"],
        ["advise", "purchase"],
        ["purchase"],
    ]
    assert "129.00 EUR" in found.answer
    assert "cancel noise" in told.answer
    assert put.cart is not None
    assert [(item.product, item.quantity) for item in put.cart.items] == [("Breeze headphones", 2)]
    assert put.order is None
    assert order.order is not None
    assert (order.actions, order.order.total_cents) == ([order.order], 25_800)
    assert str(order.order.order_number) in order.answer
    assert order.cart is not None
    assert order.cart.items == []


async def test_each_agent_hands_back() -> None:
    results = await shopping("add a drift mouse", "show me lamps", "compare it with the Ember smart plug", "add it")
    assert [result.path[-1] for result in results] == ["purchase", "browse", "advise", "purchase"]


async def test_products_are_compared() -> None:
    (result,) = await shopping("Compare the Breeze headphones with the Halo speaker")
    assert "Halo speaker for 99.00 EUR, sold out" in result.answer
    assert result.answer.index("Halo") < result.answer.index("Breeze")


async def test_an_unclear_message_is_answered_with_a_question() -> None:
    (result,) = await shopping("Good morning")
    assert result.clarifying


async def test_a_product_that_there_is_not_is_told() -> None:
    (result,) = await shopping("Put a lawn mower in the cart")
    assert "no product called 'lawn mower'" in result.answer


async def test_who_is_not_known_fills_a_cart_but_orders_only_once_known() -> None:
    _, refused = await shopping("add two lamps", "check out", customer=None)
    (ordered,) = await shopping("check out")
    assert "signed in" in refused.answer
    assert refused.order is None
    assert ordered.order is not None
    assert [(item.product, item.quantity) for item in ordered.order.items] == [("Aurora desk lamp", 2)]


async def test_a_price_that_has_changed_is_shown_before_it_is_ordered(shop: Database) -> None:
    await shopping("add a lamp")
    with shop.write() as session:
        product = session.get(Product, 1)
        assert product is not None
        product.price_cents = 6_500
    refused, ordered = await shopping("check out", "yes, check out", customer="cust-1")
    assert refused.order is None
    assert "65.00 EUR" in refused.answer
    assert ordered.order is not None
    assert ordered.order.total_cents == 6_500


async def test_what_colleagues_found_is_told_to_the_next_agent(provider: OpenAISimulator) -> None:
    provider.will(*SCRIPT)
    await converse(shop_purchase, REQUEST)
    seller = "\n".join(provider.requests[4].texts("system"))
    assert "take care of the cart" in seller
    assert "Talked about last: Breeze headphones." in seller
    assert "hand_over" in provider.requests[4].tools


async def test_a_large_order_waits_for_a_person_and_is_made_when_approved(provider: OpenAISimulator) -> None:
    put = call("put_in_cart", product="Breeze headphones", quantity=4)
    provider.will(TO_SELLER, put, call("check_out"), Text("Ordered."))
    memory = Memory(kind="shop.purchase")
    assert await memory.attempt(shop_purchase, REQUEST) is None
    assert [(ask.prompt, ask.facts["amount_cents"]) for ask in memory.asks] == [
        ("Accept an order of 4 x Breeze headphones: 516.00 EUR?", 51_600)
    ]
    memory.answer(decision="approve")
    result = await memory.attempt(shop_purchase, REQUEST)
    assert result.order.total_cents == 51_600


async def test_a_cart_that_is_changed_while_a_person_decides_is_not_ordered(provider: OpenAISimulator) -> None:
    put = call("put_in_cart", product="Breeze headphones", quantity=4)
    provider.will(TO_SELLER, put, call("check_out"))
    memory = Memory(kind="shop.purchase")
    assert await memory.attempt(shop_purchase, REQUEST) is None
    provider.will(TO_SELLER, call("remove_from_cart", product="2"), Text("Gone."))
    await converse(shop_purchase, REQUEST, "job-2")
    provider.will(Text("The cart has changed."))
    memory.answer(decision="approve")
    assert (await memory.attempt(shop_purchase, REQUEST)).order is None


@pytest.mark.parametrize("write", range(1, 30, 4))
async def test_an_attempt_that_dies_anywhere_leaves_one_order(
    provider: OpenAISimulator, shop: Database, write: int
) -> None:
    provider.will(*SCRIPT, SCRIPT[-1])
    result = await Memory(kind="shop.purchase", dies_after=write).finish(shop_purchase, REQUEST)
    assert result.order.total_cents == 25_800
    with shop.read() as session:
        assert session.scalars(select(Order.number).where(Order.number > ORDERS_FROM)).all() == [
            result.order.order_number
        ]

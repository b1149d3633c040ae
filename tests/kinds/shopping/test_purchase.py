"""Shopping: the agents with the offline model over several messages, and over HTTP."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from backdesk.kinds.shopping.contract import PurchaseRequest, PurchaseResult
from backdesk.kinds.shopping.kind import shop_purchase
from backdesk.platform.database import Database
from backdesk.shop.checkout import ORDERS_FROM
from backdesk.shop.tables import Order, Product
from tests.support.memory import Memory, dying
from tests.support.openai_simulator import Calls, OpenAISimulator, Text, call
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
    Text("Shall I order two for 258.00 EUR?"),
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
    found, told, put, shown, order = await shopping(
        "Do you have headphones under 150 euros?",
        "Tell me more about them",
        "I'll take two of them",
        "Check out",
        "Vale, gracias",
    )
    assert [result.path for result in (found, told, put, shown, order)] == [
        ["browse"],
        ["browse", "advise"],
        ["advise", "purchase"],
        ["purchase"],
        ["purchase"],
    ]
    assert "129.00 EUR" in found.answer
    assert "cancel noise" in told.answer
    assert put.cart is not None
    assert [(item.product, item.quantity) for item in put.cart.items] == [("Breeze headphones", 2)]
    assert (put.order, put.proposal, shown.order) == (None, None, None)
    assert "Shall I order 2 x Breeze headphones: 258.00 EUR in all?" in shown.answer
    assert order.order is not None
    assert (order.actions, order.order.total_cents) == ([order.order], 25_800)
    assert str(order.order.order_number) in order.answer
    assert order.cart is not None
    assert order.cart.items == []


async def say(message: str, job: str) -> PurchaseResult:
    request = PurchaseRequest(message=message, customer_id="cust-1", conversation_id="talk")
    return await converse(shop_purchase, request, job)


def orders(shop: Database) -> list[int]:
    with shop.of_all_tenants().read() as session:
        return list(session.scalars(select(Order.number).where(Order.number > ORDERS_FROM)))


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
    _, ordered = await shopping("check out", "yes")
    assert "signed in" in refused.answer
    assert refused.order is None
    assert ordered.order is not None
    assert [(item.product, item.quantity) for item in ordered.order.items] == [("Aurora desk lamp", 2)]


async def test_a_price_that_has_changed_is_shown_before_it_is_ordered(shop: Database) -> None:
    await shopping("add a lamp", "check out")
    with shop.of_all_tenants().write() as session:
        product = session.get(Product, 1)
        assert product is not None
        product.price_cents = 6_500
    changed, ordered = [await say("yes", job) for job in ("job-10", "job-11")]
    assert changed.order is None
    assert "65.00 EUR" in changed.answer
    assert ordered.order is not None
    assert ordered.order.total_cents == 6_500


async def test_what_was_put_in_after_the_proposal_is_shown_before_it_is_ordered(shop: Database) -> None:
    await shopping("add a lamp", "check out", "add a webcam")
    assert (await say("yes", "job-10")).order is None
    shown, ordered = await say("check out", "job-11"), await say("yes", "job-12")
    assert "Glide webcam" in shown.answer
    assert ordered.order is not None
    assert len(ordered.order.items) == 2


@pytest.mark.parametrize("message", ["add the headphones", "What would that cost?", "I'll take two of them, do it now"])
async def test_nothing_is_ordered_and_paid_in_the_message_that_asks_for_it_however_eager_the_model_is(
    message: str, provider: OpenAISimulator, shop: Database
) -> None:
    put = call("put_in_cart", product="Breeze headphones", quantity=2)
    buy = call("check_out")
    provider.will(TO_SELLER, put, buy, buy, Calls((*buy.calls, *buy.calls)), *[Text("Ordered!")] * 4)
    result = await converse(shop_purchase, PurchaseRequest(message=message, customer_id="cust-1"))
    assert (result.order, orders(shop)) == (None, [])
    assert "Shall I order 2 x Breeze headphones: 258.00 EUR in all?" in result.answer


async def test_what_colleagues_found_is_told_to_the_next_agent(provider: OpenAISimulator) -> None:
    provider.will(*SCRIPT)
    await converse(shop_purchase, REQUEST)
    seller = "\n".join(provider.requests[4].texts("system"))
    assert "take care of the cart" in seller
    assert "Talked about last: Breeze headphones." in seller
    assert "hand_over" in provider.requests[4].tools


FOUR = call("put_in_cart", product="Breeze headphones", quantity=4)
ORDERED = Text("Ordered.")
YES = REQUEST.model_copy(update={"message": "Yes", "conversation_id": "talk", "confirms": "P-000001"})


async def proposed(provider: OpenAISimulator, put: Calls) -> None:
    """Have an order shown to the customer."""
    total = f"{129 * put.calls[0][1]['quantity']}.00 EUR"  # type: ignore[index]  # the arguments are no text
    provider.will(TO_SELLER, put, call("check_out"), Text(f"Shall I order all of that for {total}?"))
    await converse(shop_purchase, REQUEST.model_copy(update={"conversation_id": "talk"}), "job-0")


async def test_a_large_order_waits_for_a_person_and_is_made_when_approved(provider: OpenAISimulator) -> None:
    await proposed(provider, FOUR)
    provider.will(ORDERED)
    memory = Memory(kind="shop.purchase")
    assert await memory.attempt(shop_purchase, YES) is None
    assert [(ask.prompt, ask.facts["amount_cents"]) for ask in memory.asks] == [
        ("Accept an order of 4 x Breeze headphones: 516.00 EUR?", 51_600)
    ]
    memory.answer(decision="approve")
    result = await memory.attempt(shop_purchase, YES)
    assert result.order.total_cents == 51_600


async def test_a_cart_that_is_changed_while_a_person_decides_is_not_ordered(
    provider: OpenAISimulator, shop: Database
) -> None:
    await proposed(provider, FOUR)
    memory = Memory(kind="shop.purchase")
    assert await memory.attempt(shop_purchase, YES) is None
    provider.will(TO_SELLER, call("put_in_cart", product="2", quantity=1), Text("Changed."))
    await converse(shop_purchase, REQUEST, "job-2")
    provider.will(*[Text("The cart has changed.")] * 4)
    memory.answer(decision="approve")
    result = await memory.attempt(shop_purchase, YES)
    assert (result.order, orders(shop)) == (None, [])
    assert result.proposal.facts["total_cents"] == 12_900


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", range(1, 9))
async def test_an_attempt_that_dies_anywhere_leaves_one_order(
    provider: OpenAISimulator, shop: Database, write: int, when: str
) -> None:
    await proposed(provider, SCRIPT[4])
    provider.rule = lambda _: ORDERED
    memory = dying("job-1", when, write, kind="shop.purchase")
    result = await memory.finish(shop_purchase, YES)
    assert result.order.total_cents == 25_800
    assert orders(shop) == [result.order.order_number]

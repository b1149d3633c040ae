"""Products, cart and checkout on the desk, without any model."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from backdesk.agents.desk import Context, Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.proposals.permission import CHANGED, run_on
from backdesk.platform.database import Database
from backdesk.platform.settings import load_settings
from backdesk.shop.cart import CartShown, put_in_cart, remove_from_cart, show_cart
from backdesk.shop.checkout import (
    OrderReceipt,
    check_out,
    check_out_once,
    checkout_terms,
    consent_to_check_out,
    orders_placed,
)
from backdesk.shop.contract import CartContent, OrderPlaced
from backdesk.shop.products import (
    ProductFound,
    ProductsCompared,
    ProductsFound,
    compare_products,
    look_up_product,
    search_products,
)
from backdesk.shop.sample_history import UNKNOWN_FROM
from backdesk.shop.tables import Cart, LedgerEntry, Order, Product
from tests.support.races import race

LAMP, HEADPHONES, WEBCAM, SPEAKER = "Aurora desk lamp", "Breeze headphones", "Glide webcam", "Halo speaker"


class Known(Context):
    """What agents that sell know besides the words."""

    found: tuple[str, ...] = ()
    product: str | None = None
    cart: CartContent | None = None


def at_desk(
    shop: Database, job: str = "job-1", customer: str | None = "cust-1", *, tenant: str = "default", talk: str = "talk"
) -> Desk[Known]:
    context, key = Known(), f"{job}:{{}}".format
    return Desk(shop, tenant, customer, key, load_settings(), conversation_id=talk, context=context)


def learn(desk: Desk[Any], outcome: ToolOutcome) -> ToolOutcome:
    """Note what an outcome taught, as the journal does."""
    desk.learn(**outcome.learned())
    return outcome


async def filled(desk: Desk[Known], product: str = LAMP, quantity: int = 1) -> Desk[Known]:
    learn(desk, await put_in_cart(desk, product, quantity))
    return desk


def held(outcome: ToolOutcome) -> dict[str, int]:
    assert isinstance(outcome, CartShown)
    return {item.product: item.quantity for item in outcome.cart.items}


def stock_of(shop: Database, name: str) -> int:
    with shop.of_all_tenants().read() as session:
        return session.scalars(select(Product.stock).filter_by(name=name)).one()


def orders_in(shop: Database) -> int:
    with shop.of_all_tenants().read() as session:
        return session.scalar(select(func.count()).select_from(Order).where(Order.number >= UNKNOWN_FROM)) or 0


# --- products ---


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ({"query": "headphones"}, {HEADPHONES}),
        ({"query": "a lamp for my desk"}, {LAMP}),
        ({"category": "Audio"}, {HEADPHONES, SPEAKER}),
        ({"category": "audio", "max_price_cents": 10_000}, {SPEAKER}),
        ({"max_price_cents": 3_900}, {"Drift mouse", "Ember smart plug"}),
        ({"query": "lawn mower"}, set()),
    ],
)
async def test_products_are_found_by_words_category_and_price(
    shop: Database, search: dict[str, Any], names: set[str]
) -> None:
    found = await search_products(at_desk(shop), **search)
    assert isinstance(found, ProductsFound)
    assert {product.name for product in found.products} == names


async def test_an_unknown_category_is_refused_with_those_that_there_are(shop: Database) -> None:
    refusal = await search_products(at_desk(shop), category="garden")
    assert isinstance(refusal, Refusal)
    assert "audio, computing" in refusal.refused


@pytest.mark.parametrize("name", ["Breeze headphones", "the headphones", "2"])
async def test_a_product_is_known_by_its_name_a_part_of_it_or_its_id(shop: Database, name: str) -> None:
    found = await look_up_product(at_desk(shop), name)
    assert isinstance(found, ProductFound)
    assert found.name == HEADPHONES


@pytest.mark.parametrize(
    ("name", "why"), [("lawn mower", "no product called"), ("99999999999", "no product"), ("breeze halo", "Several")]
)
async def test_a_product_that_is_none_or_several_is_refused(shop: Database, name: str, why: str) -> None:
    refusal = await look_up_product(at_desk(shop), name)
    assert isinstance(refusal, Refusal)
    assert why in refusal.refused


async def test_products_are_compared_by_price(shop: Database) -> None:
    compared = await compare_products(at_desk(shop), ["headphones", "speaker"])
    assert isinstance(compared, ProductsCompared)
    assert [(each.name, each.in_stock) for each in compared.products] == [(SPEAKER, 0), (HEADPHONES, 25)]


# --- cart ---


async def test_a_cart_holds_what_was_put_in_changed_and_removed(shop: Database) -> None:
    desk = at_desk(shop)
    await put_in_cart(desk, LAMP, 2)
    await put_in_cart(desk, HEADPHONES)
    assert held(await put_in_cart(desk, LAMP, 3)) == {LAMP: 3, HEADPHONES: 1}
    shown = await remove_from_cart(desk, HEADPHONES)
    assert held(shown) == held(await show_cart(desk)) == {LAMP: 3}
    assert isinstance(shown, CartShown)
    assert shown.cart.total_cents == 3 * 5_900


@pytest.mark.parametrize(("product", "quantity", "why"), [(WEBCAM, 2, "Only 1"), (SPEAKER, 1, "sold out")])
async def test_more_than_is_in_stock_does_not_go_into_the_cart(
    shop: Database, product: str, quantity: int, why: str
) -> None:
    desk = at_desk(shop)
    refusal = await put_in_cart(desk, product, quantity)
    assert isinstance(refusal, Refusal)
    assert why in refusal.refused
    assert held(await show_cart(desk)) == {}


async def test_a_customer_s_cart_is_the_same_in_all_conversations_and_nobody_else_s(shop: Database) -> None:
    await put_in_cart(at_desk(shop, talk="one"), LAMP)
    assert held(await show_cart(at_desk(shop, talk="two"))) == {LAMP: 1}
    for other in (at_desk(shop, customer="cust-2"), at_desk(shop, tenant="other"), at_desk(shop, customer=None)):
        assert held(await show_cart(other)) == {}


async def test_the_cart_of_a_conversation_goes_over_to_the_customer_once_known(shop: Database) -> None:
    await put_in_cart(at_desk(shop, talk="before"), WEBCAM)
    await put_in_cart(at_desk(shop, customer=None), LAMP, 2)
    assert held(await show_cart(at_desk(shop))) == {LAMP: 2, WEBCAM: 1}
    assert held(await show_cart(at_desk(shop, customer=None))) == {}


def test_jobs_at_once_fill_one_cart(shop: Database) -> None:
    products = [LAMP, HEADPHONES, "Cobalt keyboard", "Drift mouse", "Ember smart plug", "Fjord router"]
    start = threading.Barrier(len(products))

    def put(product: str) -> None:
        start.wait()
        asyncio.run(filled(at_desk(shop, product), product))

    with ThreadPoolExecutor(len(products)) as threads:
        list(threads.map(put, products))
    with shop.of_all_tenants().read() as session:
        cart = session.scalars(select(Cart)).one()
        assert {line.product.name for line in cart.lines} == set(products)


# --- checkout ---


async def test_an_order_has_the_prices_of_the_checkout_and_takes_from_the_stock(shop: Database) -> None:
    desk = await filled(at_desk(shop), LAMP, 2)
    receipt = learn(desk, await check_out(desk))
    with shop.of_all_tenants().write() as session:
        session.scalars(select(Product).filter_by(name=LAMP)).one().price_cents = 1
    with shop.of_all_tenants().read() as session:
        order = session.scalars(select(Order).where(Order.number >= UNKNOWN_FROM)).one()
        assert [(line.product.name, line.quantity, line.unit_cents) for line in order.lines] == [(LAMP, 2, 5_900)]
        assert (order.customer_id, order.status, order.total_cents) == ("cust-1", "paid", 11_800)
    assert isinstance(receipt, OrderReceipt)
    assert receipt.order_number == order.number
    assert stock_of(shop, LAMP) == 38
    assert held(await show_cart(desk)) == {}


async def test_the_numbers_of_orders_follow_those_of_the_sample(shop: Database) -> None:
    with shop.of_all_tenants().read() as session:
        known = {*session.scalars(select(Order.number)), *session.scalars(select(LedgerEntry.order_number))}
    receipt = await check_out(await filled(at_desk(shop)))
    assert isinstance(receipt, OrderReceipt)
    assert receipt.order_number > max(known)


async def test_a_repeated_checkout_of_a_job_gets_the_same_receipt(shop: Database) -> None:
    first = await check_out(await filled(at_desk(shop)))
    await filled(at_desk(shop, "job-2"), HEADPHONES)
    assert await check_out(at_desk(shop, "job-1")) == first
    assert orders_in(shop) == 1


async def test_a_job_knows_the_order_that_it_made(shop: Database) -> None:
    receipt = await check_out(await filled(at_desk(shop)))
    assert [receipt.action()] == await orders_placed(at_desk(shop))
    assert isinstance(receipt.action(), OrderPlaced)
    assert await orders_placed(at_desk(shop, "job-2")) == []


async def test_another_job_is_told_of_the_order_that_the_cart_became(shop: Database) -> None:
    late = await filled(at_desk(shop, "job-2"))
    receipt = await check_out(await filled(at_desk(shop, "job-1")))
    refusal = await check_out(late)
    assert isinstance(receipt, OrderReceipt)
    assert isinstance(refusal, Refusal)
    assert str(receipt.order_number) in refusal.refused


@pytest.mark.parametrize(("customer", "why"), [(None, "signed in"), ("cust-99", "signed in"), ("cust-1", "empty")])
async def test_a_checkout_without_customer_or_content_is_refused(
    shop: Database, customer: str | None, why: str
) -> None:
    desk = at_desk(shop, customer=customer)
    if why != "empty":
        await filled(desk)
    refusal = await check_out(desk)
    assert isinstance(refusal, Refusal)
    assert why in refusal.refused
    assert orders_in(shop) == 0


async def test_a_cart_that_was_changed_or_repriced_since_it_was_agreed_to_is_not_ordered(shop: Database) -> None:
    desk = await filled(at_desk(shop))
    agreed = await checkout_terms(desk)
    await put_in_cart(at_desk(shop, "job-2"), LAMP, 2)
    refusals = [await run_on(agreed, partial(check_out, desk))]
    agreed = await checkout_terms(desk)
    with shop.of_all_tenants().write() as session:
        session.scalars(select(Product).filter_by(name=LAMP)).one().price_cents += 100
    refusals.append(await run_on(agreed, partial(check_out, desk)))
    assert refusals == [CHANGED, CHANGED]
    assert isinstance(await run_on(await checkout_terms(desk), partial(check_out, desk)), OrderReceipt)


async def test_a_cart_that_is_filled_after_it_was_found_empty_is_not_ordered(shop: Database) -> None:
    desk = at_desk(shop)
    found = await checkout_terms(desk)
    await filled(desk)
    assert (found, await run_on(found, partial(check_out, desk))) == (None, CHANGED)
    assert stock_of(shop, LAMP) == 40


async def test_what_was_sold_meanwhile_is_not_ordered_and_nothing_else_of_the_cart_either(shop: Database) -> None:
    desk = await filled(await filled(at_desk(shop)), WEBCAM)
    await check_out(await filled(at_desk(shop, "job-2", "cust-2"), WEBCAM))
    refusal = await check_out(desk)
    assert isinstance(refusal, Refusal)
    assert "Glide webcam is sold out" in refusal.refused
    assert (stock_of(shop, LAMP), stock_of(shop, WEBCAM)) == (40, 0)


async def test_an_order_over_the_limit_needs_consent_and_says_about_what(shop: Database) -> None:
    desk = await filled(at_desk(shop), HEADPHONES, 4)
    consent = await consent_to_check_out(desk)
    assert consent is not None
    assert consent.facts == {
        "customer_id": "cust-1",
        "amount_cents": 51_600,
        "currency": "EUR",
        "items": ["4 x Breeze headphones"],
    }


async def test_nobody_is_asked_about_an_order_that_is_small_refused_or_made(shop: Database) -> None:
    small = await filled(at_desk(shop, "job-1", "cust-1"), HEADPHONES, 3)
    refused = await filled(at_desk(shop, "job-2", customer=None), HEADPHONES, 4)
    made = await filled(at_desk(shop, "job-3", "cust-3"), HEADPHONES, 4)
    await check_out(made)
    assert [await consent_to_check_out(desk) for desk in (small, refused, made)] == [None, None, None]
    assert [await checkout_terms(desk) for desk in (refused, made)] == [None, None]


async def test_the_customer_agrees_to_all_of_the_cart_at_its_prices(shop: Database) -> None:
    terms = await checkout_terms(await filled(at_desk(shop), HEADPHONES, 2))
    assert terms is not None
    assert (terms.statement, terms.amount_cents) == (
        "Shall I order 2 x Breeze headphones: 258.00 EUR in all?",
        25_800,
    )


async def test_an_order_of_just_the_limit_needs_no_consent(shop: Database) -> None:
    desk = await filled(at_desk(shop), HEADPHONES, 4)
    desk.settings = desk.settings.model_copy(update={"purchase_limit_cents": 51_600})
    assert await consent_to_check_out(desk) is None


async def test_twenty_jobs_at_once_order_a_cart_once(shop: Database) -> None:
    await filled(at_desk(shop), HEADPHONES, 2)
    start = threading.Barrier(20)

    def attempt(job: int) -> OrderReceipt | Refusal:
        start.wait()
        return check_out_once(at_desk(shop, f"job-{job}"))

    with ThreadPoolExecutor(20) as threads:
        outcomes = list(threads.map(attempt, range(20)))
    assert sum(isinstance(outcome, OrderReceipt) for outcome in outcomes) == 1
    assert orders_in(shop) == 1
    assert stock_of(shop, HEADPHONES) == 23


async def test_customers_at_once_are_not_sold_more_than_there_is(shop: Database) -> None:
    """Twelve routers are there; eight customers want two each."""
    desks = [await filled(at_desk(shop, f"job-{i}", f"cust-{i}"), "Fjord router", 2) for i in range(1, 9)]
    start = threading.Barrier(8)

    def attempt(desk: Desk[Known]) -> OrderReceipt | Refusal:
        start.wait()
        return check_out_once(desk)

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(attempt, desks))
    assert sum(isinstance(outcome, OrderReceipt) for outcome in outcomes) == 6
    assert stock_of(shop, "Fjord router") == 0


async def test_processes_at_once_order_a_cart_once(shop: Database, tmp_path: Path) -> None:
    await filled(at_desk(shop), HEADPHONES, 2)
    outcomes = race("tests.support.buyers:check_out", str(tmp_path / "shop.sqlite3"), folder=tmp_path)
    assert sorted(outcomes) == ["OrderReceipt", "Refusal", "Refusal"]
    assert stock_of(shop, HEADPHONES) == 23

"""The tools on the desk, without any model."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from functools import partial

import pytest
from sqlalchemy import func, select

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal
from backdesk.agents.proposals.permission import CHANGED, run_on
from backdesk.agents.proposals.terms import Terms
from backdesk.platform.database import Database
from backdesk.service.knowledge.tool import search_articles
from backdesk.service.tables import Ticket
from backdesk.service.tickets import open_ticket
from backdesk.shop.orders import OrderFound, look_up_order
from backdesk.shop.payments import PaymentsFound, look_up_payments
from backdesk.shop.refund import (
    RefundReceipt,
    consent_to_refund,
    refund_once,
    refund_order,
    refund_terms,
    refunds_made,
)
from backdesk.shop.refund_policy import REFUND_DAYS, refusal_reason
from backdesk.shop.samples import owner_of
from backdesk.shop.tables import LedgerEntry, Order, Refund
from tests.support.deployment import desk_of

TODAY = date(2030, 6, 30)


def reason_for(days_ago: int, *, status: str = "delivered", used: bool = False) -> str | None:
    delivered = TODAY - timedelta(days=days_ago) if status == "delivered" else None
    return refusal_reason(status=status, delivered_on=delivered, used=used, today=TODAY)


def test_the_last_day_of_the_period_still_counts() -> None:
    assert reason_for(REFUND_DAYS) is None


def test_the_day_after_the_period_is_too_late() -> None:
    assert "31 days ago" in (reason_for(REFUND_DAYS + 1) or "")


def test_a_used_order_is_not_refunded() -> None:
    assert "used" in (reason_for(1, used=True) or "")


def test_an_order_under_way_is_not_refunded() -> None:
    assert "shipped" in (reason_for(0, status="shipped") or "")


def test_a_cancelled_order_is_not_refunded() -> None:
    assert "cancelled" in (reason_for(0, status="cancelled") or "")


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (10002, "delivered 45 days ago"),
        (10004, "used"),
        (10005, "not been delivered"),
        (10006, "already refunded"),
        (10007, "cancelled"),
        (10009, "delivered 33 days ago"),
        (10010, "not been delivered"),
        (99999, "no order 99999"),
    ],
)
async def test_an_order_of_the_sample_is_refused_for_its_reason(shop: Database, number: int, reason: str) -> None:
    outcome = await refund_order(desk_of(shop, customer_id=owner_of(number)), number, "changed my mind")
    assert isinstance(outcome, Refusal)
    assert reason in outcome.refused
    assert outcome.action() is None


async def test_order_10003_is_refunded_in_full(desk: Desk) -> None:
    receipt = await refund_order(desk, 10003, "changed my mind")
    order = await look_up_order(desk, 10003)
    assert isinstance(receipt, RefundReceipt)
    assert isinstance(order, OrderFound)
    assert receipt.amount_cents == order.total_cents
    assert order.refund_id == receipt.refund_id


async def test_an_order_that_can_be_refunded_only_after_its_terms_were_looked_for_is_not(desk: Desk) -> None:
    refund = partial(refund_order, desk, 10003, "changed my mind")
    assert await run_on(None, refund) == CHANGED
    assert await run_on(replace(await terms_of(desk), facts={"order_number": 10003}), refund) == CHANGED
    assert isinstance(await run_on(await terms_of(desk), refund), RefundReceipt)


async def terms_of(desk: Desk) -> Terms:
    terms = await refund_terms(desk, 10003, "changed my mind")
    assert terms is not None
    return terms


async def test_a_refund_is_booked_in_the_ledger(desk: Desk) -> None:
    before = await look_up_payments(desk, 10003)
    await refund_order(desk, 10003, "changed my mind")
    after = await look_up_payments(desk, 10003)
    assert isinstance(before, PaymentsFound)
    assert isinstance(after, PaymentsFound)
    assert before.refunded_cents == 0
    assert after.refunded_cents == after.paid_cents


def test_twenty_jobs_at_once_refund_an_order_once(shop: Database) -> None:
    start = threading.Barrier(20)

    def attempt(job: int) -> RefundReceipt | Refusal:
        start.wait()
        return refund_once(desk_of(shop, f"job-{job}"), 10003, "race")

    with ThreadPoolExecutor(20) as threads:
        outcomes = list(threads.map(attempt, range(20)))
    assert sum(isinstance(outcome, RefundReceipt) for outcome in outcomes) == 1
    assert all("already refunded" in outcome.refused for outcome in outcomes if isinstance(outcome, Refusal))
    with shop.of_all_tenants().read() as session:
        assert session.scalar(select(func.count()).select_from(Refund).filter_by(order_number=10003)) == 1
        booked = select(func.count()).select_from(LedgerEntry).filter_by(order_number=10003, kind="refund")
        assert session.scalar(booked) == 1


async def test_a_repeated_attempt_of_the_job_gets_its_refund_again(shop: Database) -> None:
    first = await refund_order(desk_of(shop, "job-1"), 10003, "one")
    again = await refund_order(desk_of(shop, "job-1"), 10003, "two")
    assert again == first


def test_a_desk_lists_what_was_done_once(desk: Desk) -> None:
    receipt = RefundReceipt(refund_id="R-1", order_number=1, amount_cents=100)
    desk.did(receipt.action())
    desk.did(receipt.action())
    assert len(desk.actions) == 1


async def test_a_job_knows_the_refunds_that_it_made(shop: Database) -> None:
    await refund_order(desk_of(shop, "job-1"), 10003, "mine")
    await refund_order(desk_of(shop, "job-10", "cust-8"), 10008, "of a job with a similar name")
    assert [made.order_number for made in await refunds_made(desk_of(shop, "job-1"))] == [10003]


async def test_a_large_refund_needs_consent_and_says_about_what(shop: Database) -> None:
    consent = await consent_to_refund(desk_of(shop, customer_id="cust-1"), 10001, "too loud")
    assert consent is not None
    assert consent.facts == {
        "order_number": 10001,
        "amount_cents": 25_800,
        "currency": "EUR",
        "customer_id": "cust-1",
        "reason": "too loud",
    }


@pytest.mark.parametrize(
    ("number", "why"), [(10003, "small"), (10002, "too late"), (10006, "made"), (99999, "unknown")]
)
async def test_nobody_is_asked_about_a_refund_that_is_small_or_refused(shop: Database, number: int, why: str) -> None:
    assert await consent_to_refund(desk_of(shop, customer_id=owner_of(number)), number, why) is None


async def test_a_refund_of_just_the_limit_needs_no_consent(shop: Database) -> None:
    desk = desk_of(shop, customer_id="cust-1")
    desk.settings = desk.settings.model_copy(update={"refund_limit_cents": 25_800})
    assert await consent_to_refund(desk, 10001, "too loud") is None


async def test_a_customer_sees_their_own_order(shop: Database) -> None:
    assert isinstance(await look_up_order(desk_of(shop, "j", "cust-3"), 10003), OrderFound)


async def test_an_order_of_another_customer_looks_like_one_that_does_not_exist(shop: Database) -> None:
    desk = desk_of(shop, "j", "cust-1")
    foreign, missing = await look_up_order(desk, 10003), await look_up_order(desk, 99999)
    assert isinstance(foreign, Refusal)
    assert isinstance(missing, Refusal)
    assert foreign.refused.replace("10003", "99999") == missing.refused


async def test_an_order_of_another_customer_is_not_refunded(shop: Database) -> None:
    assert isinstance(await refund_order(desk_of(shop, "j", "cust-1"), 10003, "mine"), Refusal)
    with shop.of_all_tenants().read() as session:
        order = session.get(Order, 10003)
        assert order is not None
        assert order.refund is None


async def test_payments_of_another_customer_are_not_shown(shop: Database) -> None:
    assert isinstance(await look_up_payments(desk_of(shop, "j", "cust-1"), 10003), Refusal)


async def test_customers_are_not_shown_the_provider_s_fees(desk: Desk) -> None:
    found = await look_up_payments(desk, 10003)
    assert isinstance(found, PaymentsFound)
    assert {move.kind for move in found.movements} == {"payment"}


async def test_a_ticket_is_kept_with_its_priority(desk: Desk) -> None:
    receipt = await open_ticket(desk, "Smoke", "It smokes.", "urgent", 10003)
    with desk.database.read() as session:
        ticket = session.scalars(select(Ticket)).one()
    assert (ticket.priority, ticket.order_number, ticket.tenant) == ("urgent", 10003, "default")
    assert receipt.ticket_id == f"T-{ticket.id:06}"


async def test_a_ticket_names_no_order_that_is_not_the_customer_s(desk: Desk) -> None:
    await open_ticket(desk, "Mine", "Cancel 10005!", "normal", 10005)
    with desk.database.read() as session:
        assert session.scalars(select(Ticket.order_number)).one() is None


async def test_one_job_opens_one_ticket(desk: Desk) -> None:
    tickets = await asyncio.gather(*(open_ticket(desk, f"Matter {i}", "?") for i in range(8)))
    assert len({ticket.ticket_id for ticket in tickets}) == 1
    assert [ticket.already_open for ticket in tickets].count(False) == 1
    assert len({ticket.action() for ticket in tickets}) == 1


async def test_the_best_article_comes_first(desk: Desk) -> None:
    found = await search_articles(desk, "My lamp flickers all the time")
    assert found.articles[0].slug == "lamp-flickers"


async def test_a_search_without_a_match_finds_nothing(desk: Desk) -> None:
    assert (await search_articles(desk, "what is the weather like")).articles == []


def test_processes_that_start_together_seed_the_database_once(shop: Database, tmp_path: object) -> None:
    program = (
        "from backdesk.platform.database import Database; from backdesk.shop.tables import LedgerEntry;"
        "from sqlalchemy import func, select\n"
        f"with Database('sqlite:///{tmp_path}/new/shop.sqlite3', samples=True).of('default').read() as session:\n"
        "    print(session.scalar(select(func.count()).select_from(LedgerEntry)))"
    )
    started = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) for _ in range(4)]
    counts = {process.communicate()[0].strip() for process in started}
    with shop.of_all_tenants().read() as session:
        expected = session.scalar(select(func.count()).select_from(LedgerEntry))
    assert counts == {str(expected).encode()}

"""The audit of the ledger: it finds what is wrong, nothing else, and tells truly how far it is."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import delete

from backdesk.kinds.audit.contract import LedgerAuditRequest, LedgerAuditResult
from backdesk.kinds.audit.kind import audit_orders, chunks, count_entries
from backdesk.kinds.audit.pace import Pace
from backdesk.platform.database import Database
from backdesk.shop.cart import put_in_cart
from backdesk.shop.checkout import OrderReceipt, check_out
from backdesk.shop.reconciliation import Entry, OrderFacts, fee_of, reconcile
from backdesk.shop.refund import refund_once
from backdesk.shop.sample_history import FIRST_ORDER, planted
from backdesk.shop.tables import LedgerEntry, Order
from tests.support.contexts import blocking_context
from tests.support.deployment import desk_of
from tests.support.memory import Memory
from tests.support.recording import Recording, claim_of

ORDER = OrderFacts(1, cancelled=False, total_cents=1000, refund_cents=None)
PAID = [Entry(1, "payment", 1000, "p"), Entry(1, "fee", fee_of(1000), "f")]


def audit(sink: Recording | None = None, **options: object) -> LedgerAuditResult:
    request = LedgerAuditRequest.model_validate(options)
    return audit_orders(blocking_context(claim_of(kind="orders.audit"), sink or Recording()), request)


def found(result: LedgerAuditResult) -> dict[int, str]:
    return {each.order_number: each.kind for each in result.discrepancies}


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("size", [1000, 97])
def test_the_audit_finds_exactly_what_was_planted(size: int) -> None:
    result = audit(orders_per_chunk=size)
    assert found(result) == planted()
    assert result.discrepancies_total == len(planted())


@pytest.mark.usefixtures("shop")
def test_all_kinds_of_errors_are_planted_but_none_twice_on_an_order() -> None:
    assert len(set(planted().values())) == 9


def test_the_audit_reads_every_row_once(shop: Database) -> None:
    with shop.of_all_tenants().read() as session:
        rows, orders = session.query(LedgerEntry).count(), session.query(Order).count()
    result = audit()
    assert (result.ledger_rows, result.orders_checked) == (rows, orders)
    assert rows > 20_000


@pytest.mark.usefixtures("shop")
def test_progress_never_goes_back_and_ends_at_one() -> None:
    sink = Recording()
    audit(sink, pause_ms_per_chunk=1)
    fractions = [data["fraction"] for data in sink.of("progress")]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)
    assert len(fractions) > 3


@pytest.mark.usefixtures("shop")
def test_progress_is_the_share_of_rows_that_were_read() -> None:
    sink = Recording()
    result = audit(sink, pause_ms_per_chunk=1)
    for data in sink.of("progress"):
        assert data["fraction"] == pytest.approx(data["rows"] / result.ledger_rows, abs=1e-4)


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("write", [1, 5, 9, 10])
def test_an_audit_that_is_cut_off_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch, write: int) -> None:
    """There are ten chunks and as many writes; `write` is the one after which the process is gone."""
    monkeypatch.setattr("backdesk.kinds.audit.kind.KEEP_EVERY_S", 0)
    monkeypatch.setattr("backdesk.kinds.audit.kind.REPORT_EVERY_S", 0)
    memory, request = Memory(dies_after=write), LedgerAuditRequest(orders_per_chunk=1000)
    results = [memory.attempt_blocking(audit_orders, request) for _ in range(2)]
    whole = audit()
    result = next(result for result in results if result)
    assert result.model_dump(exclude={"elapsed_seconds"}) == whole.model_dump(exclude={"elapsed_seconds"})
    assert memory.writes <= 11, "a chunk was read twice"
    fractions = [data["fraction"] for data in memory.sink.of("progress")]
    assert fractions == sorted(fractions)


@pytest.mark.usefixtures("shop")
def test_an_audit_leaves_a_worker_that_ends_after_the_chunk_at_hand() -> None:
    memory, request = Memory(drains_at=1), LedgerAuditRequest(orders_per_chunk=1000)
    assert memory.attempt_blocking(audit_orders, request) is None
    assert len(memory.sink.of("progress")) < 5
    assert found(memory.attempt_blocking(audit_orders, request)) == planted()


def test_an_audit_since_a_day_leaves_out_older_orders(shop: Database) -> None:
    with shop.of_all_tenants().read() as session:
        oldest = session.get(Order, FIRST_ORDER)
        assert oldest is not None
        day = oldest.placed_on + timedelta(days=600)
        expected = session.query(Order).filter(Order.placed_on >= day).count()
    result = audit(since=day)
    assert result.orders_checked == expected
    assert set(found(result)) < set(planted())


@pytest.mark.usefixtures("shop")
def test_the_list_is_bounded_and_the_count_is_not() -> None:
    result = audit(max_listed=2)
    assert (len(result.discrepancies), result.discrepancies_total) == (2, len(planted()))


def test_a_refund_through_the_tool_leaves_the_ledger_in_order(shop: Database) -> None:
    refund_once(desk_of(shop), 10003, "changed my mind")
    assert found(audit()) == planted()


def test_a_ledger_without_rows_is_audited_to_the_end(shop: Database) -> None:
    with shop.of_all_tenants().write() as session:
        session.execute(delete(LedgerEntry))
    sink = Recording()
    result = audit(sink)
    assert result.ledger_rows == 0
    assert sink.of("progress")[-1]["fraction"] == 1
    assert {each.kind for each in result.discrepancies} == {"missing_payment", "missing_refund"}


def test_an_order_that_is_paid_in_full_is_in_order() -> None:
    assert reconcile([ORDER], PAID) == []


def test_a_payment_of_a_cancelled_order_is_wrong() -> None:
    cancelled = OrderFacts(1, cancelled=True, total_cents=1000, refund_cents=None)
    assert [each.kind for each in reconcile([cancelled], PAID)] == ["wrong_payment"]


def test_two_payments_with_different_references_are_not_a_duplicate() -> None:
    halves = [Entry(1, "payment", 500, "a"), Entry(1, "payment", 500, "b"), PAID[1]]
    assert reconcile([ORDER], halves) == []


def test_the_pace_says_yes_once_an_interval() -> None:
    times = iter([0.0, 0.04, 0.05, 0.06, 0.2])
    pace = Pace(0.05, clock=lambda: next(times))
    assert [pace.due() for _ in range(5)] == [True, False, True, False, True]


async def test_the_audit_finds_nothing_wrong_with_new_orders(shop: Database) -> None:
    for number in (1, 2):
        desk = desk_of(shop, f"job-{number}", f"cust-{number}")
        desk.learn(**(await put_in_cart(desk, "Breeze headphones", number)).learned())
        assert isinstance(await check_out(desk), OrderReceipt)
    assert {each.order_number: each.kind for each in audit().discrepancies} == planted()


def test_the_kind_loads_no_agent_library() -> None:
    program = "import sys, backdesk.kinds.audit.kind; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pydantic_ai", "openai", "alembic"} & set(loaded)


def test_an_audit_counts_its_own_tenant_s_rows_alone(owned: Database) -> None:
    assert count_entries(owned.of("default"), None) > 0
    assert count_entries(owned.of("globex"), None) == 0
    assert [orders for orders, _ in chunks(owned.of("globex"), None, 100, -1)] == [[]]

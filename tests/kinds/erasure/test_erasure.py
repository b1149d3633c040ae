"""Erasing a customer in the business database: all that is theirs and nothing else, and the books stay whole."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import MetaData, func, select

from backdesk.platform.database import Database
from backdesk.service.erasure import ERASED, erase
from backdesk.service.erasure_contract import ErasedRows, EraseRequest
from backdesk.service.escalations import escalate
from backdesk.shop.tables import Customer, LedgerEntry, Order
from backdesk.shop.testing import sample_shop
from tests.support.deployment import desk_of
from tests.support.mortal_bench import MortalBench, deaths

for kind in ("erasure", "support"):  # registers them, of which one is ours
    import_module(f"backdesk.kinds.{kind}.kind")

WHO = "cust-8"


def erased(shop: Database, *, dry_run: bool = False, tenant: str = "default", conversations: Any = ()) -> ErasedRows:
    request = EraseRequest(customer_id=WHO, conversations=[*conversations], dry_run=dry_run)
    return erase(shop, tenant, request)


def rows(shop: Database) -> dict[str, int]:
    """How many rows each table has."""
    with shop.of_all_tenants().read() as session:
        tables = MetaData()
        tables.reflect(session.connection())
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0 for table in tables.sorted_tables
        }


def values(shop: Database) -> str:
    """All that the database says, as text."""
    with shop.of_all_tenants().read() as session:
        tables = MetaData()
        tables.reflect(session.connection())
        return "\n".join(repr(row) for table in tables.sorted_tables for row in session.execute(select(table)))


@pytest.fixture
async def known(shop: Database) -> Database:
    """A shop in which the customer has an escalation, and another customer too."""
    for job_id, customer_id in (("job-1", WHO), ("job-2", "cust-3")):
        await escalate(desk_of(shop, job_id, customer_id), "wants_person", "Wants to talk", "All of it.")
    return shop


def test_nothing_names_the_customer_afterwards(known: Database) -> None:
    with known.of_all_tenants().read() as session:
        customer = session.get_one(Customer, ("default", WHO))
        named = (f"'{WHO}'", customer.name, customer.email)
    assert all(name in values(known) for name in named)
    done = erased(known)
    assert [name for name in named if name in values(known)] == []
    assert {"customers", "escalations", "cases", "case_entries"} <= done.deleted.keys()


def test_the_books_stay_whole_without_the_customer(known: Database) -> None:
    def books() -> tuple[Any, ...]:
        with known.of_all_tenants().read() as session:
            totals = (
                session.scalar(select(func.sum(Order.total_cents))),
                session.scalar(select(func.count(Order.number))),
            )
            return (*totals, session.scalar(select(func.count(LedgerEntry.id))))

    before = books()
    assert erased(known).anonymised["orders"] > 0
    assert books() == before
    with known.of_all_tenants().read() as session:
        assert session.scalars(select(Order.customer_id).where(Order.customer_id == ERASED)).first() == ERASED


def test_other_customers_lose_nothing(known: Database) -> None:
    before = rows(known)
    done = erased(known)
    lost = {name: before[name] - count for name, count in rows(known).items() if before[name] != count}
    assert lost == {name: count for name, count in done.deleted.items() if name != "customers"}


def test_a_dry_run_tells_the_same_and_changes_nothing(known: Database) -> None:
    before = values(known)
    told = erased(known, dry_run=True)
    assert values(known) == before
    assert erased(known) == told


def test_done_again_it_finds_nothing(known: Database) -> None:
    erased(known)
    assert erased(known) == ErasedRows(deleted={}, anonymised={})


def test_at_whichever_write_its_worker_dies_all_is_erased_and_the_receipt_tells_it(subtests: pytest.Subtests) -> None:
    request = {"customer_id": WHO, "conversations": ["talk"], "dry_run": False}
    message = {"message": "I want to talk to a human being, please", "customer_id": WHO}
    for death in deaths():
        with subtests.test(death=death), sample_shop() as shop, MortalBench() as bench:
            bench.run("support.request", message, conversation_id="talk")
            told = bench.run("customer.erase", request | {"dry_run": True}).result
            assert {"customers", "escalations", "cases"} <= told.deleted.keys()
            assert bench.outlive(bench.submit("customer.erase", request), death).result == told
            assert f"'{WHO}'" not in values(shop)
            assert erased(shop, conversations=["talk"]) == ErasedRows(deleted={}, anonymised={})


def test_of_another_tenant_nothing_is_erased(known: Database) -> None:
    assert erased(known, tenant="globex", dry_run=True) == ErasedRows(deleted={}, anonymised={})

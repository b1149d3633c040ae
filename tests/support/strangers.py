"""Strangers at the tools of all kinds: what is the owner's, marked, and what each kind has at stake.

The owner is `cust-3` of the tenant `default`, whose rows hold a mark that is in nobody else's. A kind with
tools or tables of its own registers by a module `strangers` among its tests with a constant `STAKES`.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from backdesk.agents.desk import Context
from backdesk.platform.database import Database
from backdesk.platform.deployment import deployment
from backdesk.service.knowledge.contract import Section
from backdesk.service.knowledge.library import fill
from backdesk.service.tables import Article
from backdesk.shop.tables import Cart, CartLine, Customer, Order, Product
from tests.support.workers import ROOT

#: In all that is the owner's, or the tenant's, and in nothing else.
MARK = "xylograph"
LAMP = f"Aurora desk lamp {MARK}"
OWNER, ORDER = "cust-3", 10003
NOW = datetime(2026, 3, 24, 9, 20, tzinfo=UTC)
THREE_PM = datetime(2026, 3, 25, 14, tzinfo=UTC)
IN_AN_HOUR = NOW + timedelta(hours=1)


@dataclass(frozen=True)
class Case:
    """How the owner gets at what is theirs; what a tool has of the tenant alone, its other customers may see."""

    args: dict[str, Any] = field(default_factory=dict)
    context: Callable[[str | None], Context] = lambda _customer: Context()
    of_tenant: bool = False
    #: What shows that the owner got it, where that is neither the mark nor a change of their rows.
    shows: str = MARK


@dataclass(frozen=True)
class Stakes:
    """A case for each tool of a kind, and how its rows are marked."""

    cases: dict[str, Case]
    #: Puts the mark into what is the owner's, and gives the other tenant something of its own.
    mark: Callable[[Session], None] = lambda _session: None
    mark_foreign: Callable[[Session], None] = lambda _session: None
    #: The tools that name no row at all: what the owner hears, all may hear.
    of_nobody: frozenset[str] = frozenset()
    #: What there is for customers alone.
    only_for_customers: frozenset[str] = frozenset()


def all_stakes() -> list[Stakes]:
    """Return what the kinds have registered."""
    names = sorted(path.parent.name for path in (ROOT / "tests" / "kinds").glob("*/strangers.py"))
    return [import_module(f"tests.kinds.{name}.strangers").STAKES for name in names]


@pytest.fixture(scope="session")
def small(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample shop without its years of closed orders, so that all rows can be looked at."""
    path = tmp_path_factory.mktemp("small") / "shop.sqlite3"
    shutil.copy(seeded, path)
    with closing(sqlite3.connect(path)) as database:
        for table, number in (("ledger", "order_number"), ("refunds", "order_number"), ("order_lines", "order_number")):
            database.execute(f"DELETE FROM {table} WHERE {number} > 20000")  # noqa: S608 - names of ours
        database.execute("DELETE FROM orders WHERE number > 20000")
        database.execute("DELETE FROM customers WHERE id LIKE 'past-1%'")
        database.commit()
        database.execute("VACUUM")
    return path


@pytest.fixture
def owned(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A shop in which the mark is in all that is the owner's."""
    shutil.copy(small, tmp_path / "shop.sqlite3")
    monkeypatch.setattr(Database, "now", lambda _: NOW)
    stakes = all_stakes()  # first: a database has the samples of what is loaded when it is opened
    with closing(deployment().database) as shop:
        _mark(shop, stakes)
        yield shop


def _mark(shop: Database, all_of_them: list[Stakes]) -> None:
    with shop.of("default").write() as session:
        session.get_one(Customer, ("default", OWNER)).name = f"Chiara {MARK}"
        session.get_one(Product, 1).name = LAMP
        session.get_one(Order, ORDER).lines[0].product_id = 1
        session.add_all(
            [
                Cart(owner=f"customer/{OWNER}", opened_at=NOW, lines=[CartLine(product_id=1, quantity=1)]),
            ]
        )
        article = Article(slug=MARK, title=f"Pairing {MARK}", keywords=f"{MARK} lamp")
        fill(session, article, [Section(text="Hold it.")])
        for stakes in all_of_them:
            stakes.mark(session)
    with shop.of("globex").write() as session:
        # Who asks from there is known there, so that nothing is refused for that.
        session.add_all(
            [Customer(id=each, name="G", email="g", tier="basic", time_zone="UTC") for each in (OWNER, "cust-9")]
        )
        for stakes in all_of_them:
            stakes.mark_foreign(session)

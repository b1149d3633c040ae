"""Databases of other versions: brought up to date with all that is in them, or left as they are."""

from __future__ import annotations

import re
import sqlite3
import sys
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, func, inspect, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from backdesk.platform.database import Database
from backdesk.platform.migrations import HEAD, REVISIONS
from backdesk.platform.migrations.__main__ import main
from backdesk.platform.migrations.runner import differences, scripts, upgrade_script
from backdesk.platform.samples import Sample
from backdesk.platform.tables import Seeding, Table
from backdesk.service.cases import queue
from backdesk.service.cases_contract import DeskRequest
from backdesk.service.tables import Article, Escalation, Ticket
from backdesk.shop.samples import SAMPLE as SHOP
from backdesk.shop.tables import Customer, Order, OrderLine, Product, Refund
from backdesk.worker.errors import ConfigurationError


def offer(monkeypatch: pytest.MonkeyPatch, sample: Sample) -> None:
    """Have this sample offered, and no other."""
    module = types.ModuleType("samples_of_this_test")
    vars(module)["SAMPLE"] = sample
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr("backdesk.platform.samples._offered", [module.__name__])


FIRST_RELEASE = Path(__file__).with_name("first_release.sql").read_text("utf-8")


Open = Callable[[Path], Database]


def make_old(path: Path) -> Path:
    """Make the file of a database as the first release left it."""
    connection = sqlite3.connect(path)
    connection.executescript(f"PRAGMA synchronous=OFF; BEGIN; {FIRST_RELEASE} COMMIT;")
    connection.close()
    return path


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens databases, which are closed after the test."""
    with ExitStack() as stack:
        yield lambda path: stack.enter_context(closing(Database(f"sqlite:///{path}", samples=True)))


@pytest.fixture
def old(opened: Open, tmp_path: Path) -> Database:
    return opened(make_old(tmp_path / "shop.sqlite3"))


def everything(path: Path) -> list[str]:
    """All that a file holds, as SQL."""
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def rules_of(connection: Connection) -> set[str]:
    """What a database enforces and Alembic does not compare: checks, indexes with their conditions, ids given once."""
    tables = inspect(connection)
    checks = {check["sqltext"] for names in Table.metadata.tables for check in tables.get_check_constraints(names)}
    listed = connection.execute(text("SELECT type, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL")).all()
    made = [each for each in listed if each.tbl_name in Table.metadata.tables]
    indexes = {sql for kind, _, sql in made if kind == "index"}
    ids = {f"{name}: ids are given once" for kind, name, sql in made if kind == "table" and "AUTOINCREMENT" in sql}
    return {re.sub(r"[()\s\"]", "", rule) for rule in checks | indexes | ids}


def test_the_revisions_that_are_known_at_start_are_those_of_the_scripts() -> None:
    assert list(REVISIONS) == scripts()


def test_the_scripts_make_the_tables_that_the_code_uses(shop: Database) -> None:
    with shop.of_all_tenants().read() as session:
        assert differences(session.connection()) == [], (
            "write a script: python -m backdesk.platform.migrations new WHAT"
        )


def test_the_scripts_make_the_same_checks_and_indexes(old: Database) -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as fresh, old.of_all_tenants().read() as session:
        Table.metadata.create_all(fresh)
        assert rules_of(session.connection()) == rules_of(fresh)
    engine.dispose()


def test_a_table_that_no_code_has_is_left_alone(shop: Database) -> None:
    with shop.of_all_tenants().write() as session:
        session.execute(text("CREATE TABLE of_a_deleted_kind (id INTEGER)"))
        assert differences(session.connection()) == []


def test_a_database_of_the_first_release_gets_the_same_tables(old: Database) -> None:
    with old.of_all_tenants().read() as session:
        assert differences(session.connection()) == []
    assert old.revision() == HEAD


def test_what_was_left_to_people_before_there_were_cases_is_in_their_queue(old: Database) -> None:
    found = queue(old.of("acme"), "acme", DeskRequest(act="list")).cases
    assert [(case.case, case.subject, case.state) for case in found] == [("T-000007", "Smoke", "open")]


def test_an_upgrade_keeps_all_rows(old: Database) -> None:
    with old.of_all_tenants().read() as session:
        order = session.get_one(Order, 10001)
        assert (order.customer_id, order.total_cents, order.refund and order.refund.id) == ("k-77", 5900, "R-10001")
        assert [line.product.name for line in order.lines] == ["Aurora desk lamp"]
        assert session.get_one(Ticket, 7).priority == "urgent"
        assert session.scalar(text("SELECT count(*) FROM conversation_turns")) == 1
        counts = [session.scalar(select(func.count()).select_from(each)) for each in (Customer, OrderLine, Refund)]
        assert counts == [9, 1, 1]


def test_an_upgrade_fills_in_what_is_new(old: Database) -> None:
    with old.of_all_tenants().read() as session:
        customers = [session.get_one(Customer, ("default", key)) for key in ("cust-1", "k-77")]
        products = [session.get_one(Product, key) for key in (1, 9)]
        assert [(each.tier, each.time_zone) for each in customers] == [
            ("premium", "Europe/Paris"),
            ("basic", "Europe/Berlin"),
        ]
        assert [(each.category, each.stock) for each in products] == [("lighting", 40), ("other", 0)]


def test_a_worker_of_the_version_before_can_still_write(old: Database) -> None:
    with old.of_all_tenants().write() as session:
        session.execute(text("INSERT INTO customers (id, name, email) VALUES ('k-78', 'Una', 'una@example.org')"))
        session.execute(text("INSERT INTO products (id, name, price_cents) VALUES (10, 'Stool', 4900)"))
    with old.of_all_tenants().read() as session:
        assert session.get_one(Customer, ("default", "k-78")).tier == "basic"


def test_references_are_enforced_after_an_upgrade(old: Database) -> None:
    with pytest.raises(Exception, match="FOREIGN KEY"), old.of_all_tenants().write() as session:
        session.add(OrderLine(order_number=404, product_id=1, quantity=1, unit_cents=1))


def test_a_database_at_the_newest_revision_is_opened_without_alembic(
    shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "backdesk.platform.migrations.runner", None)
    with shop.of_all_tenants().read() as session:
        assert session.get(Order, 10003) is not None


def test_a_database_of_a_newer_version_is_refused_and_left_alone(old: Database, opened: Open, tmp_path: Path) -> None:
    old.prepare()
    with old.of_all_tenants().write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9001'"))
    before = everything(tmp_path / "shop.sqlite3")
    newer = opened(tmp_path / "shop.sqlite3")
    with pytest.raises(ConfigurationError, match=rf"9001.*up to {HEAD}.*newer"):
        newer.prepare()
    assert everything(tmp_path / "shop.sqlite3") == before


def test_an_upgrade_that_fails_leaves_the_database_as_it_was(old: Database, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "shop.sqlite3")
    connection.execute("CREATE TABLE escalations (id INTEGER)")
    connection.close()
    before = everything(tmp_path / "shop.sqlite3")
    with pytest.raises(OperationalError, match="already exists"):
        old.prepare()
    assert everything(tmp_path / "shop.sqlite3") == before


def test_several_that_open_an_old_database_at_once_upgrade_it_once(opened: Open, tmp_path: Path) -> None:
    path = make_old(tmp_path / "old.sqlite3")
    databases = [opened(path) for _ in range(6)]
    with ThreadPoolExecutor(len(databases)) as pool:
        list(pool.map(Database.prepare, databases))
    assert {database.revision() for database in databases} == {HEAD}


def _a_new_sample(session: Session, _today: date) -> None:
    session.add(Article(slug="new", title="New", keywords="new", body="New."))


@pytest.mark.parametrize(("shop_is_in", "expected"), [(True, 1), (False, 0)])
def test_a_new_sample_is_put_in_once_and_only_where_the_sample_shop_is(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shop_is_in: bool, expected: int
) -> None:
    path = make_old(tmp_path / "shop.sqlite3")
    if not shop_is_in:
        connection = sqlite3.connect(path)
        connection.execute("DELETE FROM customers WHERE id = 'cust-4'")
        connection.commit()
        connection.close()
    offer(monkeypatch, Sample("sample-news", _a_new_sample, leans_on=SHOP))
    for database in (opened(path), opened(path)):
        with database.of_all_tenants().read() as session:
            assert session.scalar(select(func.count()).select_from(Article)) == expected
            assert session.scalar(select(func.count()).select_from(Seeding)) == 1 + expected


def test_a_sample_whose_rows_refer_to_none_is_not_put_in(old: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def astray(session: Session, _today: date) -> None:
        session.add(OrderLine(order_number=404, product_id=1, quantity=1, unit_cents=1))

    offer(monkeypatch, Sample("sample-astray", astray, leans_on=SHOP))
    with pytest.raises(ConfigurationError, match="order_lines"):
        old.prepare()
    assert old.revision() == "0001"


def test_the_same_scripts_are_sql_for_postgresql() -> None:
    script = upgrade_script("postgresql")
    assert script.startswith("BEGIN;")
    assert script.rstrip().endswith("COMMIT;")
    assert "id SERIAL NOT NULL" in script
    assert "respond_by TIMESTAMP WITH TIME ZONE NOT NULL" in script
    assert "ALTER TABLE customers ADD COLUMN tier VARCHAR DEFAULT 'basic' NOT NULL" in script
    assert script.count(f"version_num='{HEAD}'") == 1
    assert all(f"CREATE TABLE {table}" in script for table in (Escalation.__tablename__, Order.__tablename__))


def test_what_is_unique_only_under_a_condition_is_so_on_postgresql_too() -> None:
    script = upgrade_script("postgresql")
    conditions = {
        index.name: index.dialect_options["sqlite"]["where"]
        for table in Table.metadata.tables.values()
        for index in table.indexes
    }
    partial = {name: where for name, where in conditions.items() if where is not None}
    assert {"one_open_cart", "open_proposal_of_conversation"} <= set(partial)
    for name, where in partial.items():
        assert re.search(rf"CREATE UNIQUE INDEX {name} ON [^;]* WHERE {re.escape(str(where))};", script)


def test_the_state_is_told_and_an_upgrade_made_by_hand(
    old: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["status"]) == 1
    assert "is at 0001\nto run: 0002, " in capsys.readouterr().out
    assert main(["upgrade"]) == 0
    assert main(["status"]) == 0
    assert f"upgraded from 0001 to {HEAD}" in capsys.readouterr().out
    monkeypatch.setenv("BACKDESK_DATABASE_URL", "mysql://root@db/shop")
    assert main(["status"]) == 2
    assert "BACKDESK_DATABASE_URL" in capsys.readouterr().err


def test_the_state_of_a_database_that_is_not_there_makes_none(tmp_path: Path) -> None:
    assert main(["status"]) == 1
    assert not (tmp_path / "shop.sqlite3").exists()


# --- samples ---


def test_an_empty_database_stays_empty_unless_samples_are_wanted(tmp_path: Path) -> None:
    with closing(Database(f"sqlite:///{tmp_path / 'empty.sqlite3'}")) as database:
        database.prepare()
        with database.of_all_tenants().read() as session:
            counts = [session.scalar(select(func.count()).select_from(each)) for each in (Customer, Order, Article)]
    assert counts == [0, 0, 0]


def test_samples_never_come_among_the_rows_of_a_real_shop(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "real.sqlite3"
    with closing(Database(f"sqlite:///{path}")) as real, real.of("default").write() as session:
        session.add(Customer(id="k-1", name="Una", email="una@example.org", tier="basic", time_zone="UTC"))
    before = everything(path)
    with pytest.raises(ConfigurationError, match="BACKDESK_SAMPLES"):
        opened(path).prepare()
    assert everything(path) == before

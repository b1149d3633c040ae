"""The same scripts on PostgreSQL, where the machine has it: from nothing, from an older version, all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError

from backdesk.platform import migrations
from backdesk.platform.database import Database
from backdesk.platform.migrations import HEAD
from backdesk.platform.migrations.runner import differences
from backdesk.shop.tables import Customer, Order
from backdesk.sql.scripts import config_of
from tests.support.postgres import Postgres, find_server, postgres

PROGRAMS = find_server()
pytestmark = pytest.mark.skipif(PROGRAMS is None, reason="this machine has no PostgreSQL")

Open = Callable[[str], Database]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    assert PROGRAMS is not None
    with postgres(PROGRAMS) as server:
        yield server


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens databases, which are closed after the test."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(closing(Database(url, samples=True)))


def test_several_that_open_an_empty_database_at_once_make_it_once(server: Postgres, opened: Open) -> None:
    url = server.database()
    databases = [opened(url) for _ in range(4)]
    with ThreadPoolExecutor(len(databases)) as pool:
        list(pool.map(Database.prepare, databases))
    with databases[0].of_all_tenants().read() as session:
        assert differences(session.connection()) == []
        assert session.get_one(Order, 10003).total_cents == 7800
    assert {database.revision() for database in databases} == {HEAD}


def run(url: str, *statements: str, up_to: str = "") -> None:
    """Bring a database up to a revision, and then run statements on it, in one transaction."""
    engine = create_engine(url)
    with engine.begin() as connection:
        if up_to:
            command.upgrade(config_of(Path(migrations.__file__).parent, connection), up_to)
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def test_an_upgrade_keeps_all_rows_and_a_worker_of_the_version_before_can_still_write(
    server: Postgres, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backdesk.platform.samples._offered", [])  # the rows of samples take longer than all else
    url, insert = server.database(), "INSERT INTO customers (id, name, email) VALUES ('{0}', 'Una', '{0}@example.org')"
    run(url, insert.format("k-77"), up_to="0001")
    database = opened(url)
    database.prepare()
    run(url, insert.format("k-78"))
    with database.of_all_tenants().read() as session:
        assert [session.get_one(Customer, ("default", key)).tier for key in ("k-77", "k-78")] == ["basic", "basic"]
        assert differences(session.connection()) == []


def test_an_upgrade_that_fails_leaves_the_database_as_it_was(server: Postgres, opened: Open) -> None:
    url = server.database()
    run(url, "CREATE TABLE escalations (id INTEGER)", up_to="0001")
    database = opened(url)
    with pytest.raises(ProgrammingError, match="already exists"):
        database.prepare()
    assert database.revision() == "0001"
    run(url, "INSERT INTO escalations VALUES (1)")

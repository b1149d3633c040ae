"""The tool as agents have it: what they are told, how much they get, what a query may take, and whom it serves."""

# ruff: noqa: S608 - hostile SQL is what is tried here

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from backdesk.agents import Agent, AgentRequest, AgentResult, Call, Refusal, Say, agent_task, answer
from backdesk.testing import Bench, sandbox, scripted
from backdesk.tools import database_tool
from backdesk.tools.database.catalog import Catalog
from backdesk.tools.database.guard import Guarded, guard
from backdesk.tools.database.postgres import Postgres
from backdesk.tools.database.refused import Refused
from backdesk.tools.database.result import Limits, QueryResult
from backdesk.tools.database.running import Running
from backdesk.tools.database.source import MISSING, Source
from backdesk.tools.database.sqlite import SQLite
from backdesk.worker import TaskContext
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.errors import ConfigurationError
from tests.tools.database import shop
from tests.tools.database.conftest import DIALECTS, Ask

Sources = Callable[..., Source]
URLs = Callable[..., str]
VALUES = {"tenant": shop.TENANT, "customer": ""}
SLOW = (
    "SELECT count(*) FROM orders a, orders b, orders c, orders d, orders e, orders f WHERE a.cents + f.cents > b.cents"
)


@pytest.fixture
def bench(urls: URLs, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("SHOP_DATABASE", urls("sqlite"))
    orders = database_tool("orders", url="SHOP_DATABASE", rows=3, **shop.DECLARED)
    clerk = Agent("clerk", "You look things up.", tools=(orders,))

    @agent_task("asking.clerk")
    async def work(ctx: TaskContext, request: AgentRequest) -> AgentResult:
        return await answer(ctx, clerk, request)

    with Bench() as bench, sandbox():
        yield bench
    REGISTRY.pop("asking.clerk", None)


def test_an_agent_asks_for_rows_of_its_tenant(bench: Bench) -> None:
    question = Call("orders", {"sql": "SELECT number, status FROM orders ORDER BY number"})
    with scripted(question, Say("There are 40.")) as model:
        job = bench.run("asking.clerk", {"message": "How many?"}, tenant=shop.TENANT)
    reply = model.requests[1].replies_of("orders")[0].data
    assert reply == {
        "columns": ["number", "status"],
        "rows": [[1, "paid"], [2, "sent"], [3, "returned"]],
        "more": "and 37 more rows",
    }
    assert job.tool_calls[0].summary == "3 rows, and 37 more rows"


def test_another_tenant_gets_nothing_of_it(bench: Bench) -> None:
    with scripted(Call("orders", {"sql": "SELECT * FROM orders"}), Say("None.")) as model:
        bench.run("asking.clerk", {"message": "How many?"}, tenant="initech")
    assert model.requests[1].replies_of("orders")[0].data["rows"] == []


def test_a_refused_query_is_told_to_the_model_with_what_there_is(bench: Bench) -> None:
    with scripted(Call("orders", {"sql": "SELECT * FROM vault"}), Say("No.")) as model:
        bench.run("asking.clerk", {"message": "How many?"}, tenant=shop.TENANT)
    refused = model.requests[1].replies_of("orders")[0].data["refused"]
    assert refused.startswith("there is no table 'vault'; there are: orders(number integer, status text")


def test_the_model_reads_which_tables_columns_and_types_there_are(bench: Bench, urls: URLs) -> None:
    told = database_tool("orders", url="SHOP_DATABASE", description="Orders.", **shop.DECLARED).function.__doc__ or ""
    assert told.startswith("Orders. Takes one SELECT of SQLite")
    assert (
        "orders(number integer, status text, cents integer, placed_on date, note text, details, extra); items(" in told
    )
    assert "visits(day date, count integer)" in told
    assert "tenant" not in told


@pytest.mark.parametrize("dialect", DIALECTS)
def test_rows_of_a_customer_are_shown_to_that_customer_alone(source: Sources, dialect: str) -> None:
    orders = source(dialect, tables={"orders": ("number",)}, shared=(), customer_column="status")
    told = asyncio.run(orders.ask("SELECT count(*) FROM orders", {"tenant": shop.TENANT, "customer": "paid"}))
    assert told.rows == [[10]]
    orders.close()


def test_who_is_not_signed_in_gets_nothing_of_customers(bench: Bench) -> None:
    tables = {"orders": ("number",)}
    mine = database_tool("mine", url="SHOP_DATABASE", tables=tables, tenant_column="tenant", customer_column="card")
    clerk = Agent("clerk", "You look things up.", tools=(mine,))
    REGISTRY.pop("asking.clerk", None)

    @agent_task("asking.clerk")
    async def work(ctx: TaskContext, request: AgentRequest) -> AgentResult:
        return await answer(ctx, clerk, request)

    question = Call("mine", {"sql": "SELECT number FROM orders"})
    for customer, key in ((None, "refused"), ("SECRET-7", "rows")):
        with scripted(question, Say("So.")) as model:
            request = {"message": "How many?", "customer_id": customer}
            bench.run("asking.clerk", request, tenant=shop.TENANT)
        told = model.requests[1].replies_of("mine")[0].data
        assert key in told
    assert told["rows"] == [[7]]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_query_that_takes_too_long_is_ended(source: Sources, ask: Ask, dialect: str) -> None:
    slow = source(dialect, limits=Limits(10, 0.3))
    began = time.monotonic()
    told = ask(slow, SLOW)
    assert told == Refusal(refused="the query took longer than 0.3 s: narrow it, or join fewer rows")
    assert time.monotonic() - began < 5
    assert isinstance(ask(slow, "SELECT 1"), QueryResult)
    slow.close()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_query_ends_with_whoever_waits_for_it(urls: URLs, ask: Ask, dialect: str) -> None:
    slow = Source(urls(dialect, "secrets"), Catalog(**shop.DECLARED), Limits(10, 60), 1)

    async def cancelled() -> float:
        asking = asyncio.create_task(slow.ask(SLOW, VALUES))
        await asyncio.sleep(0.2)
        asking.cancel()
        began = time.monotonic()
        await asyncio.wait([asking])
        assert asking.cancelled()
        return began

    began = asyncio.run(cancelled())
    assert isinstance(ask(slow, "SELECT 1"), QueryResult)  # by the one thread that there is
    assert time.monotonic() - began < 10
    slow.close()


async def test_slow_queries_leave_the_threads_of_the_process_to_others(source: Sources) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    slow = source("sqlite", limits=Limits(10, 60))
    asking = [asyncio.ensure_future(slow.ask(SLOW, VALUES)) for _ in range(3)]
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        assert await asyncio.to_thread(str.upper, "done") == "DONE"
    assert not any(each.done() for each in asking)
    for each in asking:
        each.cancel()
    await asyncio.wait(asking)
    slow.close()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_rows_that_are_not_shown_are_counted(source: Sources, ask: Ask, dialect: str) -> None:
    few = source(dialect, limits=Limits(5, 20))
    one = ask(few, "SELECT number FROM orders ORDER BY number LIMIT 6")
    assert isinstance(one, QueryResult)
    assert (len(one.rows), one.more) == (5, "and 1 more row")
    many = ask(few, "SELECT a.number FROM orders a, orders b, orders c")
    assert isinstance(many, QueryResult)
    assert (len(many.rows), many.more) == (5, "and at least 10000 more rows")
    few.close()


def _of_length(length: int) -> str:
    """Return SQL for a text of that many characters, a power of four."""
    return "'x'" if length == 1 else f"replace({_of_length(length // 4)}, 'x', 'xxxx')"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_long_values_are_cut_and_long_answers_end(source: Sources, ask: Ask, dialect: str) -> None:
    cut = ask(source(dialect), f"SELECT {_of_length(4**6)}")
    assert isinstance(cut, QueryResult)
    assert cut.rows == [["x" * 2_000 + "... (4096 characters)"]]
    small = source(dialect, limits=Limits(1_000, 20, characters=100))
    told = ask(small, "SELECT 'a text of thirty characters or so', number FROM orders")
    assert isinstance(told, QueryResult)
    assert (len(told.rows), told.more) == (2, "and 38 more rows")
    small.close()


def _multiplied(times: int) -> str:
    """Return what makes texts of 1, 4, 16, ... characters, named `t0`, `t1`, `t2`, ..."""
    more = (f"t{n} AS (SELECT x || x || x || x AS x FROM t{n - 1})" for n in range(1, times + 1))
    return f"WITH t0 AS (SELECT 'a' AS x FROM orders WHERE number = 1), {', '.join(more)}"


def test_sqlite_itself_takes_no_value_larger_than_the_worker_has_room_for(source: Sources, ask: Ask) -> None:
    told = ask(source("sqlite"), f"{_multiplied(11)} SELECT x FROM t11")
    assert told == Refusal(refused="SQLite refuses the query: string or blob too big")


@pytest.mark.skipif("postgres" not in DIALECTS, reason="there is no PostgreSQL here")
def test_a_row_of_postgresql_that_is_too_large_does_not_reach_the_worker(source: Sources, ask: Ask) -> None:
    told = ask(source("postgres"), f"SELECT {_of_length(4**10)}")
    assert told == Refusal(refused="a row of the answer is too large: select less, or shorten texts by LEFT()")


WRITES = (
    "DELETE FROM main.orders",
    "SELECT secret FROM main.vault",
    "SELECT card FROM main.orders",
    "SELECT rowid FROM main.orders",
    "SELECT hex(status) FROM main.orders",
    "SELECT * FROM main.sqlite_schema",
    "ATTACH ':memory:' AS x",
    "PRAGMA query_only = 0",
    "CREATE TEMP TABLE x (a)",
    "BEGIN",
)


def test_sqlite_refuses_by_itself_what_the_guard_would_let_pass(urls: URLs) -> None:
    server = SQLite(Path(urls("sqlite").removeprefix("sqlite:///")), Catalog(**shop.DECLARED))
    for sql in WRITES:
        with pytest.raises(Refused, match=r"not authorized|prohibited|access"):
            server.run(Guarded(sql, (), ("x",)), VALUES, Limits(5, 5), Running(5))


@pytest.mark.skipif("postgres" not in DIALECTS, reason="there is no PostgreSQL here")
def test_postgresql_refuses_by_itself_to_write(urls: URLs) -> None:
    server = Postgres(urls("postgres"), 1)
    write = "WITH x AS (DELETE FROM public.orders RETURNING 1) SELECT * FROM x"
    for sql in (write, "SELECT 1) AS x; DELETE FROM public.orders; SELECT (1", "SELECT * FROM orders"):
        with pytest.raises(Refused, match=r"PostgreSQL refuses"):
            server.run(Guarded(sql, (), ("x",)), VALUES, Limits(5, 5), Running(5))
    server.close()
    with psycopg.connect(urls("postgres")) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchall() == [(60,)]


def test_the_parser_is_not_held_up_by_a_query_that_is_made_for_it() -> None:
    catalog = Catalog(**shop.DECLARED)
    star = "SELECT a.*, b.* FROM (" * 9 + "SELECT * FROM orders" + ") AS a, orders AS b" * 9
    chain = "WITH c0 AS (SELECT * FROM orders)" + "".join(
        f", c{n + 1} AS (SELECT a.*, b.* FROM c{n} AS a, c{n} AS b)" for n in range(8)
    )
    hostile = (
        "SELECT " + "(" * 3_000 + "1" + ")" * 3_000,
        "SELECT " + "NOT " * 1_400 + "1",
        "SELECT " + "- " * 1_400 + "1",
        "SELECT 1" + "::int" * 700,
        "SELECT " + "CASE WHEN 1 = 1 THEN " * 150 + "1" + " END" * 150,
        "SELECT a" + "[1]" * 400,
        "SELECT '" + "x" * 9_000 + "'",
        "SELECT " + "1, " * 740 + "1",
        " UNION ".join(["SELECT 1"] * 400),
        star,
        f"{chain} SELECT * FROM c8",
        "SELECT " + " + ".join(["1"] * 700),
        "SELECT note || note AS a0" + "".join(f", a{n} || a{n} AS a{n + 1}" for n in range(30)) + " FROM orders",
        "SELECT " + "date(" * 28 + "1" + ")" * 28,
        "SELECT " + "char(" * 28 + "a FROM orders",
        "SELECT " + "CAST(1 AS decimal(" * 14 + "1" + "))" * 14,
    )
    for sql in hostile:
        for dialect in ("sqlite", "postgres"):
            began = time.process_time()
            with pytest.raises(Refused):
                guard(sql, catalog, dialect)
            assert time.process_time() - began < 2, sql[:60]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"tenant_column": None}, "whose the rows"),
        ({"tenant_column": {"items": "tenant"}}, "whose the rows of 'orders'"),
        ({"tenant_column": "ten ant"}, "no name of a column"),
        ({"tables": {}, "shared": ()}, "needs a table"),
        ({"tables": {"orders": ()}, "shared": ()}, "needs a column"),
        ({"tables": {"orders": "number"}, "shared": ()}, "not one text"),
        ({"tables": {"orders; DROP": ("a",)}, "shared": ()}, "no name of a table"),
        ({"tables": {"orders": ("a; b",)}, "shared": ()}, "must be a column"),
        ({"tables": {"orders": ("a", "A")}, "shared": ()}, "twice"),
        ({"tables": {"orders": ("a",), "x.Orders": ("a",)}, "shared": ()}, "two tables"),
        ({"shared": ("nothing",)}, "not declared"),
        ({"url": "postgresql://me:secret@server/shop"}, "password is a secret"),
        ({"url": "not a name"}, "url= is"),
        ({"rows": 0}, "rows are"),
    ],
)
def test_a_wrong_declaration_is_told_at_once(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as raised:
        database_tool("orders", **{**shop.DECLARED, **wrong})
    assert "secret@" not in str(raised.value)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_table_that_is_not_as_it_was_declared_is_told_by_the_first_query(source: Sources, dialect: str) -> None:
    for tables in ({"orders": ("nothing",)}, {"nothing": ("number",)}):
        wrong = source(dialect, tables=tables, shared=())
        with pytest.raises(ConfigurationError, match="not as it is declared"):
            asyncio.run(wrong.ask("SELECT 1", VALUES))
        wrong.close()


def test_a_database_that_is_not_there_is_told_without_its_address(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    away = Source("postgresql://someone@127.0.0.1:9/shop", Catalog(**shop.DECLARED), Limits(5, 2), 1)
    assert ask(away, "SELECT 1") == Refusal(refused="the database cannot be reached at the moment")
    assert "127.0.0.1" not in caplog.text


def test_a_database_tool_without_its_library_says_what_to_install(
    source: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "backdesk.tools.database.guard")
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    with pytest.raises(ConfigurationError) as raised:
        asyncio.run(source("sqlite").ask("SELECT 1", VALUES))
    assert str(raised.value) == MISSING


def test_a_view_is_shown_as_a_table_is(tmp_path: Path, ask: Ask) -> None:
    with closing(sqlite3.connect(tmp_path / "views.sqlite3")) as connection:
        connection.executescript(
            """
            CREATE TABLE lines (number integer, cents integer, owner text);
            INSERT INTO lines VALUES (1, 5, 'acme'), (1, 6, 'acme'), (2, 7, 'globex');
            CREATE VIEW sums AS SELECT number, sum(cents) AS cents, owner AS tenant FROM lines GROUP BY number, owner;
            """
        )
    catalog = Catalog({"sums": ("number", "cents")}, tenant_column="tenant")
    view = Source(f"sqlite:///{tmp_path / 'views.sqlite3'}", catalog, Limits(5, 5), 1)
    told = ask(view, "SELECT * FROM sums")
    assert isinstance(told, QueryResult)
    assert told.rows == [[1, 11]]
    assert isinstance(ask(view, "SELECT * FROM lines"), Refusal)


_SEARCHES = {
    "sqlite": ["instr(a.x, b.x || 'b')", "replace(a.x, b.x || 'b', '')", "trim(a.x, b.x || 'b')"],
    "postgres": [
        "strpos(a.x, 'b' || b.x)",
        "replace(a.x, 'b' || b.x, '')",
        "split_part(a.x, 'b' || b.x, 2)",
        "CASE WHEN a.x LIKE '%' || b.x || 'b%' THEN '' END",
        "CASE WHEN a.x ILIKE '%' || b.x || 'b%' THEN '' END",
    ],
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_a_part_of_a_query_makes_is_not_written_out_wherever_it_is_named(
    source: Sources, ask: Ask, dialect: str
) -> None:
    # Planners take parts apart that they can: this would be a sum of billions, in the memory of whoever plans.
    eight = " + ".join(["n"] * 8)
    named = "WITH t0 AS (SELECT cents / 25 AS n FROM orders WHERE number = 1)" + "".join(
        f", t{each + 1} AS (SELECT {eight} AS n FROM t{each})" for each in range(11)
    )
    nested = f"SELECT {eight} AS n FROM (" * 11 + "SELECT cents / 25 AS n FROM orders WHERE number = 1" + ") AS t" * 11
    began = time.monotonic()
    for sql in (f"{named} SELECT n FROM t11", f"SELECT n / 1 AS n FROM ({nested}) AS t"):
        told = ask(source(dialect), sql.replace("cents / 25", "1.0 * cents / 25"))
        assert isinstance(told, QueryResult)
        assert float(str(told.rows[0][0])) == 8**11
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(("dialect", "search"), [(each, search) for each in DIALECTS for search in _SEARCHES[each]])
def test_a_search_in_texts_that_a_query_makes_does_not_outlast_its_time(
    source: Sources, ask: Ask, dialect: str, search: str
) -> None:
    # Each would hold up its database for a minute, as no time-out is looked at meanwhile.
    began = time.monotonic()
    told = ask(source(dialect), f"{_multiplied(10)} SELECT length('' || {search}) AS n FROM t10 AS a, t9 AS b")
    assert isinstance(told, QueryResult)
    assert time.monotonic() - began < 5

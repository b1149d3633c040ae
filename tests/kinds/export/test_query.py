"""Exports of a query: its rows are the tenant's, typed and in order, and it goes on behind its key after a crash."""

# ruff: noqa: S608 - a database for tests, and what may be asked of it

from __future__ import annotations

import csv
import io
import itertools
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

import backdesk.kinds.export.kind  # noqa: F401 - registers the kind
from backdesk.kinds.export import query, sources
from backdesk.kinds.export.query import query_source
from backdesk.testing import Bench, BenchJob, sandbox
from backdesk.worker.errors import ConfigurationError, TaskError
from tests.support.eventually import eventually
from tests.support.postgres import Postgres, find_server, postgres

PROGRAMS = find_server()
DIALECTS = ["sqlite", *(["postgres"] if PROGRAMS else [])]
ROWS = 25
SQL = """
SELECT o.number, o.name, o.cents, o.share, o.open, o.day, o.at, o.details, c.country
FROM orders o JOIN countries c ON c.id = o.number % 2
WHERE o.cents >= 0
"""
DECLARED: dict[str, Any] = {
    "key": "number",
    "columns": {
        "number": "integer",
        "name": "text",
        "share": "number",
        "open": "boolean",
        "day": "date",
        "at": "timestamp",
        "details": "text",
        "country": "text",
    },
    "tables": {
        "orders": ("number", "name", "cents", "share", "open", "day", "at", "details"),
        "countries": ("id", "country"),
    },
    "tenant_column": "tenant",
    "shared": ("countries",),
}
_TYPES = {
    "sqlite": ("numeric", "integer", "text", "text", "text"),
    "postgres": ("numeric(20, 4)", "boolean", "date", "timestamptz", "jsonb"),
}


def statements(dialect: str) -> Iterator[str]:
    share, truth, day, at, details = _TYPES[dialect]
    yield "CREATE TABLE countries (id integer, country text)"
    yield "INSERT INTO countries VALUES (0, 'Norway'), (1, 'Peru')"
    yield (
        f"CREATE TABLE orders (number bigint, name text, cents integer, share {share}, open {truth}, day {day}, "
        f"at {at}, details {details}, tenant text)"
    )
    for number in range(ROWS, 0, -1):  # not in the order of the key
        true = str(number % 2) if dialect == "sqlite" else str(number % 2 == 1)
        yield (
            f"INSERT INTO orders VALUES ({number}, 'Ada {number}', {number}, {number}.25, {true}, "
            f"'2026-01-{number:02}', '2026-01-{number:02}T10:00:00+00:00', '{{\"a\": {number}}}', 'acme')"
        )
        yield f"INSERT INTO orders VALUES ({number}, 'SECRET', 1, 1, NULL, NULL, NULL, NULL, 'globex')"
    yield "INSERT INTO orders VALUES (0, 'SECRET', 1, 1, NULL, NULL, NULL, NULL, 'globex')"


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[Postgres]:
    assert PROGRAMS is not None
    with postgres(PROGRAMS) as server:
        yield server


@pytest.fixture(params=DIALECTS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres_server")
        url = server.database()
    else:
        url = f"sqlite:///{tmp_path / 'orders.sqlite3'}"
    change(url, *statements(request.param))
    return url


def change(url: str, *statements: str) -> None:
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
            for each in statements:
                file.execute(each)
            file.commit()
        return
    with psycopg.connect(url) as connection:
        for each in statements:
            connection.execute(each.encode())


Declare = Callable[..., None]


@pytest.fixture
def declare(url: str, monkeypatch: pytest.MonkeyPatch) -> Declare:
    monkeypatch.setenv("ORDERS_DATABASE", url)

    def declared(sql: str = SQL, **different: Any) -> None:
        made = query_source(sql, **{**DECLARED, "url": "ORDERS_DATABASE", **different})
        monkeypatch.setitem(sources._SOURCES, "sold", lambda: made)

    declared()
    return declared


@pytest.fixture
def bench(tmp_path: Path, seeded: Path) -> Iterator[Bench]:
    with Bench(blobs_url=(tmp_path / "blobs").as_uri()) as bench, sandbox(seeded.read_bytes()):
        yield bench


def exported(bench: Bench, tenant: str = "acme", **request: Any) -> BenchJob:
    return bench.run("report.export", {"source": "sold", "rows_per_part": 4, **request}, tenant=tenant)


def content(bench: Bench, job: BenchJob) -> bytes:
    assert job.state == "succeeded", job.error
    folder = Path(str(bench.settings.blobs_url).removeprefix("file://"))
    return next(folder.rglob(job.result.sha256)).read_bytes()


@pytest.mark.usefixtures("declare")
def test_the_rows_of_a_query_come_typed_in_the_order_of_its_key(bench: Bench) -> None:
    job = exported(bench)
    header, *rows = csv.reader(io.StringIO(content(bench, job).decode()))
    assert header == list(DECLARED["columns"])
    assert [int(row[0]) for row in rows] == [*range(1, ROWS + 1)]
    assert [row[1] for row in rows] == [f"Ada {number}" for number in range(1, ROWS + 1)]
    assert float(rows[6][2]) == 7.25
    assert rows[6][3:] == ["true", "2026-01-07", "2026-01-07T10:00:00+00:00", '{"a": 7}', "Peru"]
    told = job.of("progress")
    assert told[0]["total"] == told[-1]["rows"] == ROWS


@pytest.mark.usefixtures("declare")
def test_parquet_has_the_declared_types_whatever_the_database_has(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "orders.parquet"
    path.write_bytes(content(bench, exported(bench, format="parquet", columns=["share", "open", "day", "at"])))
    with duckdb.connect() as connection:
        table = connection.read_parquet(str(path))
        assert [*map(str, table.types)] == ["DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP"]
        assert table.fetchall()[6][:2] == (7.25, True)


@pytest.mark.usefixtures("declare")
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_the_file_of_a_query_is_the_same_whenever_the_worker_dies(bench: Bench, form: str) -> None:
    expected = exported(bench, format=form).result.sha256
    for after in itertools.count():
        request = {"source": "sold", "rows_per_part": 8, "format": form, "escape_formulas": True}
        job = bench.submit("report.export", request, tenant="acme")
        died = bench.lose(job, after=after)
        bench.go_on(job)
        assert (job.result.sha256, job.result.rows) == (expected, ROWS)
        if not died:
            break
    assert after > 4


@pytest.mark.usefixtures("declare")
def test_an_attempt_reads_the_rows_of_one_moment_and_the_next_one_those_behind_its_last_row_as_they_are_then(
    bench: Bench, url: str
) -> None:
    request = {"source": "sold", "rows_per_part": 4, "columns": ["number", "name"]}
    job = bench.submit("report.export", request, tenant="acme")
    assert bench.lose(job, after=3)
    change(
        url,
        "UPDATE orders SET name = 'changed' WHERE tenant = 'acme'",
        "DELETE FROM orders WHERE number = 24",
        "INSERT INTO orders (number, name, tenant, cents) VALUES (99, 'changed', 'acme', 1)",
    )
    bench.go_on(job)
    rows = [*csv.reader(io.StringIO(content(bench, job).decode()))][1:]
    again = [number for number, name in rows if name == "changed"]
    assert [int(number) for number, _ in rows] == [*range(1, 24), 25, 99]
    assert again == [number for number, _ in rows][-len(again) :]
    assert 0 < len(again) < len(rows), "what was kept is not read again"


@pytest.mark.usefixtures("declare")
def test_another_tenant_gets_nothing_of_it(bench: Bench) -> None:
    assert exported(bench, "initech").result.rows == 0
    assert b"SECRET" not in content(bench, exported(bench))


@pytest.mark.parametrize("name", ["number", "name"])
def test_the_key_may_be_a_text_too(bench: Bench, declare: Declare, name: str) -> None:
    declare(key=name)
    job = bench.submit("report.export", {"source": "sold", "rows_per_part": 3}, tenant="acme")
    assert bench.lose(job, after=4)
    bench.go_on(job)
    rows = [*csv.reader(io.StringIO(content(bench, job).decode()))][1:]
    assert sorted(int(row[0]) for row in rows) == [*range(1, ROWS + 1)]


@pytest.mark.parametrize("changed", ["8", "NULL"])
def test_rows_that_a_key_does_not_tell_apart_are_not_left_out_behind_a_crash(
    declare: Declare, url: str, changed: str
) -> None:
    declare("SELECT number, name FROM orders", columns={"number": "integer", "name": "text"})
    source = sources.source_of("sold")
    assert source is not None
    reader = source.open("acme", ["number", "name"])
    assert [page.rows for page in reader.pages(8, 6)] == [5, 6, 6]
    assert [*reader.pages(ROWS, 4)] == []
    change(url, f"UPDATE orders SET number = {changed} WHERE number = 3 AND tenant = 'acme'")
    with pytest.raises(TaskError, match="no 'number', or the same one"):
        list(reader.pages(8, 4))


@pytest.mark.parametrize(
    ("different", "code", "said"),
    [
        ({"sql": "SELECT * FROM pg_catalog.pg_user"}, "query_refused", "there is no table"),
        ({"sql": SQL + "; DELETE FROM orders"}, "query_refused", "exactly one SELECT"),
        ({"key": "country"}, "key_not_unique", "'country'"),
        ({"columns": {**DECLARED["columns"], "gone": "text"}}, None, "gone"),
        ({"tables": {**DECLARED["tables"], "orders": ("nothing",)}}, None, "not as it is declared"),
    ],
)
def test_what_cannot_be_exported_is_told(
    bench: Bench, declare: Declare, different: dict[str, Any], code: str | None, said: str
) -> None:
    declare(**different)
    job = exported(bench)
    assert job.state == "failed"
    assert job.error is not None
    assert said in job.error.message
    assert code in (None, job.error.code)


def test_a_database_that_is_away_is_asked_again_and_its_address_not_told(
    bench: Bench, declare: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDERS_DATABASE", "postgresql://someone@127.0.0.1:9/shop")
    declare()
    job = bench.run("report.export", {"source": "sold"}, tenant="acme", retry={"attempts": 1})
    assert job.error is not None
    assert (job.error.code, job.error.transient) == ("database_unreachable", True)
    assert "127.0.0.1" not in job.error.message


@pytest.mark.usefixtures("declare")
def test_rows_that_take_too_long_to_count_are_exported_without_a_total(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, declare: Declare
) -> None:
    monkeypatch.setattr(query, "COUNT_S", 1e-9)
    declare(SQL + "AND (SELECT count(*) FROM orders a, orders b, orders c, orders d) > 0")
    job = exported(bench)
    told = job.of("progress")
    assert job.result.rows == ROWS
    assert "total" not in told[0]
    assert "fraction" not in told[0]
    assert (told[-1]["fraction"], told[-1]["total"]) == (1.0, ROWS)


def test_a_query_that_takes_longer_than_it_may_ends_the_job(bench: Bench, declare: Declare) -> None:
    declare(
        SQL + "AND (SELECT count(*) FROM orders a, orders b, orders c, orders d, orders e, orders f) > 0", seconds=0.3
    )
    job = exported(bench)
    assert job.error is not None
    assert (job.state, job.error.code) == ("failed", "query_too_slow")


def test_the_database_is_let_go_when_an_export_ends_early(bench: Bench, declare: Declare, url: str) -> None:
    declare()
    threads = threading.active_count()
    job = bench.submit("report.export", {"source": "sold", "rows_per_part": 4}, tenant="acme")
    assert bench.lose(job, after=3)
    eventually(lambda: threading.active_count() <= threads + 1, what="the end of the attempt")
    change(url, "ALTER TABLE orders ADD COLUMN later integer")  # which waits for readers, or is refused


def test_a_key_that_nothing_could_go_on_behind_is_refused_at_once() -> None:
    for key in ("share", "nothing"):
        with pytest.raises(ConfigurationError, match=key):
            query_source(SQL, **{**DECLARED, "key": key})


def test_the_sample_query_sums_up_the_orders_of_each_customer(bench: Bench) -> None:
    job = bench.run("report.export", {"source": "customer_totals"})
    rows = [*csv.DictReader(io.StringIO(content(bench, job).decode()))]
    orders = bench.run("report.export", {"source": "orders"}).result.rows
    assert sum(int(row["orders"]) for row in rows) == orders > 5_000
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)

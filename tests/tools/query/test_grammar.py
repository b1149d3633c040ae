"""What a query may say, and what none gets DuckDB to do: the corpora stand in `attacks.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from backdesk.tools.query.engine import run
from backdesk.tools.query.grammar import check, functions
from backdesk.tools.query.opening import opened
from backdesk.tools.query.order import INVALID, REFUSED, Answer, Order, QueryFailed, Source

ATTACKS = tomllib.loads(Path(__file__).with_name("attacks.toml").read_text("utf-8"))
SALES = Source(
    "sales",
    "made",
    made_by="SELECT i AS id, ['north', 'south'][1 + i % 2] AS region, i * 1.5 AS amount FROM range(10) t(i)",
)
ALLOWED = [
    "SELECT * FROM sales",
    "FROM sales",
    "SELECT region, sum(amount) FILTER (WHERE id > 2) FROM sales GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL",
    "WITH big AS (SELECT * FROM sales WHERE amount > 3) SELECT count(*) FROM big JOIN sales USING (id)",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT * FROM n",
    "SELECT *, rank() OVER (PARTITION BY region ORDER BY amount) FROM sales QUALIFY row_number() OVER () < 3",
    "SELECT * EXCLUDE (id) REPLACE (upper(region) AS region) FROM main.sales",
    "SELECT * FROM memory.main.sales LIMIT 10% OFFSET 1",
    "SELECT DISTINCT ON (region) * FROM sales UNION ALL BY NAME SELECT id, region FROM sales",
    "VALUES (1, 'a'), (2, 'b')",
    "SELECT list_transform([1, 2], lambda x: x + 1), [x * 2 FOR x IN [1, 2]], {'a': 1}, MAP {'k': 1}",
    "SELECT unnest([1, 2]), CAST('1' AS DECIMAL(4, 2)), TRY_CAST('x' AS INT), date_trunc('month', DATE '2025-01-31')",
    "SELECT * FROM sales PIVOT (sum(amount) FOR region IN ('north', 'south'))",
    "SELECT * FROM (UNPIVOT sales ON amount)",
    "SELECT * FROM range(3) r(i) LEFT JOIN sales ON sales.id = r.i, LATERAL (SELECT r.i * 2)",
    "SELECT * FROM sales TABLESAMPLE 50% (bernoulli, 1)",
    "SELECT 'it''s /* no comment */ -- nor this', region LIKE 'n%', region SIMILAR TO 'n.*' FROM sales -- the end",
    "SELECT CASE WHEN id IN (SELECT id FROM sales) THEN 1 END, EXISTS (FROM sales), grouping(region), id "
    "FROM sales GROUP BY ROLLUP (region, id)",
    "SHOW TABLES",
    "DESCRIBE sales",
    "SUMMARIZE sales",
    "SELECT quantile_cont(amount, 0.5), approx_count_distinct(id), string_agg(region, ',' ORDER BY id) FROM sales;",
]


def ask(sql: str, folder: Path, *sources: Source) -> Answer:
    return run(Order(sql, sources or (SALES,), str(folder), progress=False, timeout_s=20), lambda _: None)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[duckdb.DuckDBPyConnection, set[str]]]:
    """One for all of these, as none changes it."""
    connection, taken = opened(Order("", (SALES,), str(tmp_path_factory.mktemp("query"))))
    with connection:
        yield connection, taken


@pytest.mark.parametrize("sql", [each for group in ATTACKS.values() for each in group])
def test_what_only_pretends_to_be_a_query_is_refused(
    sql: str, locked: tuple[duckdb.DuckDBPyConnection, set[str]]
) -> None:
    connection, taken = locked
    with pytest.raises(QueryFailed) as refused:
        check(connection, sql, {"sales"}, taken)
    assert refused.value.code in (REFUSED, INVALID)


def test_there_are_more_than_fifty_attacks_and_none_twice() -> None:
    attacks = [each for group in ATTACKS.values() for each in group]
    assert len(set(attacks)) == len(attacks) > 50


@pytest.mark.parametrize("sql", ALLOWED)
def test_what_people_ask_is_allowed(sql: str, locked: tuple[duckdb.DuckDBPyConnection, set[str]]) -> None:
    connection, taken = locked
    assert connection.execute(check(connection, sql, {"sales"}, taken)).fetchall()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "COPY (SELECT 1) TO '/tmp/backdesk-stolen.csv'",
        "ATTACH '/tmp/backdesk-stolen.db'",
        "INSTALL httpfs",
        "SET memory_limit = '100GB'",
        "SET enable_external_access = true",
        "SELECT * FROM rows_of_python",
    ],
)
def test_what_got_past_the_grammar_would_find_the_engine_locked(
    sql: str, locked: tuple[duckdb.DuckDBPyConnection, set[str]]
) -> None:
    rows_of_python = [(1,)]  # what SQL must not find
    with pytest.raises(duckdb.Error):
        locked[0].execute(sql).fetchall()
    assert rows_of_python


def test_a_file_beside_those_of_a_data_set_is_not_read(tmp_path: Path) -> None:
    for name in ("mine", "theirs"):
        (tmp_path / f"{name}.csv").write_text("a,b\n1,2\n")
    connection, _ = opened(Order("", (Source("mine", "csv", (str(tmp_path / "mine.csv"),)),), str(tmp_path)))
    with connection:
        assert connection.execute("SELECT a FROM mine").fetchall() == [(1,)]
        with pytest.raises(duckdb.PermissionException):
            connection.execute("SELECT * FROM read_csv(?)", [str(tmp_path / "theirs.csv")])


def test_every_function_that_may_be_called_is_one_of_duckdb() -> None:
    with duckdb.connect() as connection:
        there = {
            row[0].lower() for row in connection.execute("SELECT function_name FROM duckdb_functions()").fetchall()
        }
    assert functions() - there == set()
    assert not {
        name for name in functions() if name.startswith(("read_", "duckdb_", "pragma_", "__int", "pg_s", "json_exec"))
    }


def test_a_refusal_lists_the_data_sets_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(QueryFailed, match="there is no data set 'revenue'; there are: sales"):
        ask("SELECT * FROM revenue", tmp_path)

"""Queries on PostgreSQL: each in a read-only transaction of its own, with a time-out that the server keeps."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql as composed

from backdesk.tools.database.catalog import Table
from backdesk.tools.database.connections import Connection, Connections
from backdesk.tools.database.guard import FIRST_SCHEMA, Guarded
from backdesk.tools.database.refused import Refused
from backdesk.tools.database.result import COUNTED, LONGEST_ROW, Gathered, Limits, QueryResult
from backdesk.tools.database.running import Running
from backdesk.worker.errors import ConfigurationError

#: What no query can change: it calls no function that could.
_SETTINGS = {
    "search_path": "pg_catalog",
    "standard_conforming_strings": "on",
    "transaction_read_only": "on",
    "row_security": "on",
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "iso_8601",
    "jit": "off",
    "lock_timeout": "2s",
}
#: SQLSTATEs, or their first two characters, that say something about the query, and not about the server.
_ABOUT_THE_QUERY = ("0A", "21", "22", "42", "2F", "54", "57014", "53400")
_CANCELLED = "57014"


class Postgres:
    """A server, of which the declared tables can be read. Connections are kept, `connections` of them at most."""

    dialect = "postgres"

    def __init__(self, url: str, connections: int) -> None:
        self._connections = Connections(url, connections)

    def run(self, query: Guarded, values: Mapping[str, str], limits: Limits, running: Running) -> QueryResult:
        """Run a query. Raises Refused for one that the server does not take, and psycopg.Error for a broken server."""
        gathered = Gathered(limits)
        more: int | None = 0
        with self._transaction(running) as connection:
            cursor = psycopg.RawCursor(connection)
            try:
                cursor.execute(_DECLARE + query.sql + _END, [values[name] for name in query.parameters])
                cursor.execute(f"FETCH {limits.rows + 1} FROM backdesk_query")
                rows = [_row(*each) for each in cursor.fetchall()]
                for row in rows:
                    gathered.add(row)
                more = len(rows) - len(gathered.rows)
                if more:
                    more = self._count_on(cursor, more, running)
            except psycopg.Error as error:
                raise _refused(error, running) from None
        return gathered.result(query.columns, more)

    def rows(
        self, query: Guarded, values: Mapping[str, Any], size: int, running: Running
    ) -> Generator[list[tuple[Any, ...]]]:
        """Yield all rows of a query, `size` at a time, as they are at one moment; each time may take that of `running`.

        By one cursor in one transaction, which is open until the generator is closed. Raises as `run`.
        """
        with self._transaction(running) as connection:
            cursor = psycopg.RawCursor(connection)
            try:
                cursor.execute(_OPEN + query.sql, [values[name] for name in query.parameters])
                while rows := cursor.execute(f"FETCH {size} FROM backdesk_rows").fetchall():
                    yield rows
                    running.again()
            except psycopg.Error as error:
                raise _refused(error, running) from None

    def check(self, table: Table) -> None:
        """Raise ConfigurationError for a table that is not as it was declared."""
        names = composed.SQL(", ").join(
            composed.Identifier("t", name) for name in (*table.columns.values(), *table.filters)
        )
        where = composed.Identifier(table.schema or FIRST_SCHEMA[self.dialect], table.real_name)
        with self._transaction(Running(10)) as connection:
            try:
                connection.execute(composed.SQL("SELECT {} FROM {} AS t LIMIT 0").format(names, where))
            except psycopg.errors.ProgrammingError as error:
                said = error.diag.message_primary
                raise ConfigurationError(f"the table {table.real_name!r} is not as it is declared: {said}") from None

    def may_write(self, table: Table) -> bool:
        """Whether the user of the URL could change a table, were it not for the transactions that only read."""
        with self._transaction(Running(10)) as connection:
            row = connection.execute(
                _MAY_WRITE, [table.schema or FIRST_SCHEMA[self.dialect], table.real_name]
            ).fetchone()
        return bool(row and row[0])

    def close(self) -> None:
        """Close what is open; a later query opens connections anew."""
        self._connections.close()

    def _count_on(self, cursor: psycopg.RawCursor[Any], more: int, running: Running) -> int | None:
        try:
            _set_time(cursor, running)
            cursor.execute(f"MOVE FORWARD {COUNTED - more} IN backdesk_query")
        except psycopg.Error as error:
            if error.sqlstate != _CANCELLED:
                raise
            return None
        return more + cursor.rowcount

    @contextmanager
    def _transaction(self, running: Running) -> Iterator[Connection]:
        with self._connections.one(running.left_s) as connection, connection.transaction(force_rollback=True):
            connection.execute(_SET, [*_SETTINGS.values(), f"{_milliseconds(running)}ms"])
            running.interrupted_by(connection.cancel_safe)
            try:
                yield connection
            finally:
                running.interrupted_by(lambda: None)


# Each row as JSON: a value of any type comes as JSON has it, and no row is longer than there is room for.
_JSON = 'row_to_json("backdesk_row")::text'
_DECLARE = f'DECLARE backdesk_query NO SCROLL CURSOR FOR SELECT "left"({_JSON}, {LONGEST_ROW}), length({_JSON}) FROM ('  # noqa: S608 - constants
_OPEN = "DECLARE backdesk_rows NO SCROLL CURSOR FOR "
_END = ') AS "backdesk_row"'
_MAY_WRITE = """
SELECT pg_catalog.has_table_privilege(
    pg_catalog.format('%%I.%%I', %s::text, %s::text), 'INSERT, UPDATE, DELETE, TRUNCATE'
)"""
_SET = "SELECT " + ", ".join(f"pg_catalog.set_config('{name}', %s, true)" for name in (*_SETTINGS, "statement_timeout"))


def _milliseconds(running: Running) -> int:
    return max(1, int(running.left_s * 1000))  # 0 would be none


def _set_time(cursor: psycopg.RawCursor[Any], running: Running) -> None:
    cursor.execute("SELECT pg_catalog.set_config('statement_timeout', $1, true)", [f"{_milliseconds(running)}ms"])


def _row(text: str, length: int) -> list[Any]:
    if length > LONGEST_ROW:
        raise Refused("a row of the answer is too large: select less, or shorten texts by LEFT()")
    pairs: _Pairs = json.loads(text, object_pairs_hook=_Pairs, parse_float=_number)
    return [_plain(value) for _, value in pairs]


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON: the row itself may have two columns of one name."""


def _plain(value: Any) -> Any:
    if isinstance(value, _Pairs):
        return {name: _plain(each) for name, each in value}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _number(text: str) -> float | str:
    """Return a number, or its digits where a float has not room for them all."""
    number = float(text)
    return number if Decimal(repr(number)) == Decimal(text) else text


def _refused(error: psycopg.Error, running: Running) -> Exception:
    state = error.sqlstate or ""
    if state == _CANCELLED:
        return running.too_slow()
    if state.startswith(_ABOUT_THE_QUERY):
        return Refused(f"PostgreSQL refuses the query: {(error.diag.message_primary or '')[:200]}")
    return error

"""Queries on a SQLite file: opened for reading, and asked at each step whether it may."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from backdesk.tools.database.catalog import Catalog, Table
from backdesk.tools.database.guard import Guarded
from backdesk.tools.database.refused import Refused
from backdesk.tools.database.result import COUNTED, Gathered, Limits, QueryResult
from backdesk.tools.database.running import Running
from backdesk.worker.errors import ConfigurationError

#: Steps of SQLite's machine between two looks at the clock: some tenths of a millisecond.
STEPS_A_LOOK = 5_000
#: Milliseconds that a reader waits for a writer that has the file for itself.
BUSY_MS = 2_000
#: Limits of SQLite by which no query takes the memory of the worker, whatever it computes.
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 2_000_000,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 200_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 1_000,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 100_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 50,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 200,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 0,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
#: What SQLite calls the functions of the vocabulary.
_SPELT = """
count sum avg min max total group_concat abs round ceil ceiling floor pow power sqrt sign exp ln log length lower upper
trim ltrim rtrim substr substring replace instr concat coalesce ifnull nullif iif typeof
date datetime time julianday strftime unixepoch current_date current_time current_timestamp
like glob -> ->> json_extract
row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
"""
_FUNCTIONS = frozenset(_SPELT.split())


class SQLite:
    """A file, of which the declared tables can be read."""

    dialect = "sqlite"

    def __init__(self, path: Path, catalog: Catalog) -> None:
        self._path = path
        self._readable = {(table.real_name.lower(), name.lower()) for table in catalog for name in _columns(table)}
        self._tables = {name for name, _ in self._readable}

    def run(self, query: Guarded, values: Mapping[str, str], limits: Limits, running: Running) -> QueryResult:
        """Run a query. Raises Refused for one that SQLite does not take, and OperationalError for a broken file."""
        gathered = Gathered(limits)
        with self._open(running) as connection, closing(self._begun(connection, query, values, running)) as cursor:
            more: int | None = 0
            try:
                for row in cursor:
                    if not gathered.add(list(row)):
                        more = 1 + sum(1 for _ in zip(range(COUNTED - 1), cursor, strict=False))
                        break
            except sqlite3.Error as error:
                if not (gathered.full and _interrupted(error)):
                    raise _refused(error, running) from None
                more = None
        return gathered.result(query.columns, more)

    def rows(
        self, query: Guarded, values: Mapping[str, Any], size: int, running: Running
    ) -> Generator[list[tuple[Any, ...]]]:
        """Yield all rows of a query, `size` at a time, as they are at one moment; each time may take that of `running`.

        The file is read until the generator is closed: unless it is in WAL mode, nobody writes meanwhile. Raises as
        `run`, and CancelledError.
        """
        with self._open(running) as connection, closing(self._begun(connection, query, values, running)) as cursor:
            try:
                while rows := cursor.fetchmany(size):
                    yield rows
                    running.again()
            except sqlite3.Error as error:
                raise _refused(error, running) from None

    def check(self, table: Table) -> None:
        """Raise ConfigurationError for a table that is not as it was declared."""
        names = ", ".join(f'"t"."{name}"' for name in _columns(table))
        with self._open(Running(5), guarded=False) as connection:
            try:
                where = f'"{table.schema or "main"}"."{table.real_name}"'
                connection.execute(f'SELECT {names} FROM {where} AS "t" LIMIT 0')  # noqa: S608 - names of the declaration
            except sqlite3.OperationalError as error:
                raise ConfigurationError(f"the table {table.real_name!r} is not as it is declared: {error}") from None

    def may_write(self, table: Table) -> bool:
        """Return no: the file is opened for reading alone."""
        return False

    def close(self) -> None:
        """Nothing is kept open."""

    def _begun(
        self, connection: sqlite3.Connection, query: Guarded, values: Mapping[str, Any], running: Running
    ) -> sqlite3.Cursor:
        try:
            return connection.execute(query.sql, dict(values))
        except sqlite3.Error as error:
            raise _refused(error, running) from None

    @contextmanager
    def _open(self, running: Running, *, guarded: bool = True) -> Iterator[sqlite3.Connection]:
        if not self._path.exists():
            raise ConfigurationError("the SQLite file of a database tool does not exist")
        uri = f"{self._path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_MS / 1000, check_same_thread=False)) as connection:
            connection.text_factory = _text
            for pragma in ("query_only=1", "trusted_schema=0", "cell_size_check=1"):
                connection.execute(f"PRAGMA {pragma}")
            for limit, most in _LIMITS.items():
                connection.setlimit(limit, most)
            if guarded:
                views = {
                    name.lower() for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type='view'")
                }
                connection.set_authorizer(self._authorizer(views))
            connection.set_progress_handler(lambda: running.left_s <= 0, STEPS_A_LOOK)
            running.interrupted_by(connection.interrupt)
            try:
                yield connection
            finally:
                running.interrupted_by(lambda: None)

    def _authorizer(self, views: set[str]) -> Any:
        def may(action: int, first: str | None, second: str | None, _base: str | None, within: str | None) -> int:
            match action:
                case sqlite3.SQLITE_SELECT:
                    return sqlite3.SQLITE_OK
                case sqlite3.SQLITE_FUNCTION if (second or "").lower() in _FUNCTIONS or within in views:
                    return sqlite3.SQLITE_OK
                # What a declared view reads is the business of whoever made the view.
                case sqlite3.SQLITE_READ if (within or "").lower() in views:
                    return sqlite3.SQLITE_OK
                case sqlite3.SQLITE_READ if self._may_read((first or "").lower(), (second or "").lower()):
                    return sqlite3.SQLITE_OK
            return sqlite3.SQLITE_DENY

        return may

    def _may_read(self, table: str, column: str) -> bool:
        # A table of which nothing but the number of rows is asked comes without a column.
        return (table, column) in self._readable or (not column and (table in self._tables or not table))


def _columns(table: Table) -> list[str]:
    return [*table.columns.values(), *table.filters]


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _interrupted(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT


def _refused(error: sqlite3.Error, running: Running) -> BaseException:
    if _interrupted(error):
        # With time left the look at the clock itself was interrupted, as a job's body is: SQLite keeps that to itself.
        return asyncio.CancelledError() if running.left_s else running.too_slow()
    if getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_AUTH):
        return Refused(f"SQLite refuses the query: {str(error)[:200]}")
    if isinstance(error, (sqlite3.DataError, sqlite3.ProgrammingError)):
        return Refused(f"SQLite refuses the query: {str(error)[:200]}")
    return error

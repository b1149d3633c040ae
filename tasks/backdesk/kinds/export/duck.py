"""Sources that are tables of a DuckDB file: read, and written as CSV or JSON, by DuckDB itself."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backdesk.kinds.export.rows import FORMULA
from backdesk.kinds.export.sources import Key, Source, Type
from backdesk.worker.errors import ConfigurationError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: Behind a condition: DuckDB gives rows in the order in which they were inserted, and their numbers go by that.
_WITHIN = "AND rowid > ? AND rowid <= ?"
MISSING = 'exports from DuckDB, and to Parquet, need a library: pip install "backdesk[tools]"'


def connect(path: str = ":memory:", *, read_only: bool = False) -> DuckDBPyConnection:
    """Open a database of DuckDB. Raises ConfigurationError where the library is missing."""
    try:
        import duckdb  # noqa: PLC0415 - loaded where it is used
    except ImportError as error:
        raise ConfigurationError(MISSING) from error
    return duckdb.connect(path, read_only=read_only)


def duckdb_source(path: Path, table: str, columns: Mapping[str, Type], *, tenant_column: str | None) -> Source:
    """Return a source of the tenant's rows of a table of a DuckDB file, in the order in which they were inserted.

    Without a tenant column every tenant is given all of them.
    """
    return Source(columns, partial(_Rows, path, table, columns, tenant_column))


@dataclass(frozen=True, slots=True)
class _Rows:
    path: Path
    table: str
    types: Mapping[str, Type]
    tenant_column: str | None
    tenant: str
    columns: Sequence[str]

    def count(self) -> int:
        with connect(str(self.path), read_only=True) as connection:
            return int(_one(connection, f"SELECT count(*) FROM {self._from()}", self._values()))  # noqa: S608 - quoted

    def pages(self, after: Key, size: int) -> Generator[_Page]:
        # By the numbers of rows, of which some may be missing or others': a page has up to so many, and needs no order.
        with connect(str(self.path), read_only=True) as connection:
            end = _one(connection, f"SELECT max(rowid) FROM {self._from()}", self._values())  # noqa: S608 - quoted
            start = -1 if after is None else int(after)
            for first in range(start, -1 if end is None else end, size):
                last = min(first + size, end)
                within = [*self._values(), first, last]
                if rows := _one(connection, f"SELECT count(*) FROM {self._from()} {_WITHIN}", within):  # noqa: S608 - quoted
                    yield _Page(connection, self, first, rows, last)

    def _from(self) -> str:
        return f"{_quoted(self.table)} WHERE {_quoted(self.tenant_column) + ' = ?' if self.tenant_column else 'true'}"

    def _values(self) -> list[str]:
        return [self.tenant] if self.tenant_column else []


@dataclass(frozen=True, slots=True)
class _Page:
    connection: DuckDBPyConnection
    source: _Rows
    after: int
    rows: int
    last: Key

    def csv(self, *, escape: bool) -> bytes:
        chosen = [
            _escaped(name) if escape and self.source.types[name] == "text" else _quoted(name)
            for name in self.source.columns
        ]
        return self._copied(chosen, "FORMAT csv, HEADER false")

    def lines(self) -> bytes:
        return self._copied([_quoted(name) for name in self.source.columns], "FORMAT json")

    def _copied(self, chosen: Sequence[str], options: str) -> bytes:
        with tempfile.NamedTemporaryFile(prefix="backdesk-export-") as file:
            self.connection.execute(
                f"COPY (SELECT {', '.join(chosen)} FROM {self.source._from()} {_WITHIN}) "  # noqa: S608, SLF001 - quoted; of one module
                f"TO '{file.name}' ({options})",
                [*self.source._values(), self.after, self.last],  # noqa: SLF001 - as above
            )
            return Path(file.name).read_bytes()


def _one(connection: DuckDBPyConnection, sql: str, values: Sequence[object]) -> Any:
    found = connection.execute(sql, list(values)).fetchone()
    return found[0] if found else None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _escaped(name: str) -> str:
    first = ", ".join(f"chr({ord(character)})" for character in FORMULA)
    column = _quoted(name)
    return f"CASE WHEN left({column}, 1) IN ({first}) THEN '''' || {column} ELSE {column} END AS {column}"

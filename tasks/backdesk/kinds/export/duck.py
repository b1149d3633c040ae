"""Sources that are tables of a DuckDB file: read, and written as CSV or JSON, by DuckDB itself."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from backdesk.kinds.export.rows import FORMULA
from backdesk.kinds.export.sources import Key, Source, Type
from backdesk.worker.errors import ConfigurationError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

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
            found = connection.execute(f"SELECT count(*) FROM {self._from()}", self._values()).fetchone()  # noqa: S608 - quoted
        return found[0] if found else 0

    def pages(self, after: Key, size: int) -> Iterator[_Page]:
        with connect(str(self.path), read_only=True) as connection:
            while True:
                # Of rows that were deleted the numbers are missing: the page ends at the row that fills it.
                within = f"SELECT rowid AS n FROM {self._from()} AND rowid > ? ORDER BY rowid LIMIT ?"  # noqa: S608 - quoted
                found = connection.execute(
                    f"SELECT count(*), max(n) FROM ({within})",  # noqa: S608 - as above
                    [*self._values(), -1 if after is None else after, size],
                ).fetchone()
                if not found or not found[0]:
                    return
                yield _Page(connection, self, -1 if after is None else int(after), *found)
                after = found[1]

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
                f"COPY (SELECT {', '.join(chosen)} FROM {self.source._from()} AND rowid > ? AND rowid <= ? "  # noqa: S608, SLF001
                f"ORDER BY rowid) TO '{file.name}' ({options})",
                [*self.source._values(), self.after, self.last],  # noqa: SLF001
            )
            return Path(file.name).read_bytes()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _escaped(name: str) -> str:
    first = ", ".join(f"chr({ord(character)})" for character in FORMULA)
    column = _quoted(name)
    return f"CASE WHEN left({column}, 1) IN ({first}) THEN '''' || {column} ELSE {column} END AS {column}"

"""Sources that are queries of a database of the deployment: read-only, guarded, and of the tenant's rows alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from operator import eq
from typing import TYPE_CHECKING, Any

from backdesk.kinds.export.rows import RowPage
from backdesk.kinds.export.sources import Key, Source, Type
from backdesk.tools.database.catalog import Catalog, Tables
from backdesk.tools.database.refused import Refused, Unreachable
from backdesk.tools.database.result import Limits
from backdesk.tools.database.running import Running
from backdesk.tools.database.source import Source as Database
from backdesk.tools.database.source import readable_errors
from backdesk.worker.errors import ConfigurationError, TaskError
from backdesk.worker.failure import Category

if TYPE_CHECKING:
    from backdesk.tools.database.guard import Guarded

#: How long rows are counted before it is done without. Seconds.
COUNT_S = 10.0
#: Names that no query may use.
_AFTER, _ROW = "backdesk_after", '"backdesk_row"'
#: What has a value come as its type wants it. SQLite has no types to speak of: there, values come as they are.
_WRITTEN: Mapping[str, Mapping[Type, str]] = {
    "sqlite": {"text": "CAST({} AS TEXT)"},
    "postgres": {
        "integer": "CAST({} AS bigint)",
        "text": "CAST({} AS text)",
        "boolean": "CAST({} AS boolean)",
        "date": "to_json(CAST({} AS date)) #>> '{{}}'",
        "timestamp": "to_json({}) #>> '{{}}'",
    },
}


def query_source(
    sql: str,
    *,
    key: str,
    columns: Mapping[str, Type],
    tables: Tables,
    tenant_column: str | Mapping[str, str] | None,
    url: str = "",
    shared: Collection[str] = (),
    seconds: float = 600.0,
) -> Source:
    """Return a source of what a query gives, in the order of a key: of PostgreSQL or SQLite, and of the tenant's rows.

    `sql` is one SELECT as `database_tool` takes them, and so are `tables`, `tenant_column`, `shared` and `url`. Each
    of `columns`, with its type, is one of its results; so is `key`, whose integers or texts no two rows share. The
    database may take `seconds` until it gives the first row, and for each page of them.
    Raises ConfigurationError for what is declared wrongly; a query that the database refuses fails the job.
    """
    if columns.get(key) not in ("integer", "text"):
        raise ConfigurationError(f"key={key!r} must be one of columns=, an integer or a text")
    catalog = Catalog(tables, tenant_column=tenant_column, shared=shared)
    database = Database(url, catalog, Limits(rows=1, seconds=seconds), connections=1)
    return Source(columns, partial(_Rows, database, sql, key, columns, seconds))


@dataclass(frozen=True, slots=True)
class _Rows:
    database: Database
    sql: str
    key: str
    types: Mapping[str, Type]
    seconds: float
    tenant: str
    columns: Sequence[str]

    def count(self) -> int | None:
        try:
            with closing(self._read(_counted, {}, 1, min(COUNT_S, self.seconds))) as counts:
                return int(next(counts)[0][0])
        except _TooSlow:
            return None

    def pages(self, after: Key, size: int) -> Generator[RowPage]:
        types = {name: self.types[name] for name in self.columns}
        names = [self.key, *self.columns]
        ordered = partial(_ordered, names=names, types=self.types, whole=after is None)
        known = after
        with closing(self._read(ordered, {_AFTER: after}, size, self.seconds)) as pages:
            for rows in pages:
                # The row that was read last may come once more, and no other one with its key.
                new = rows[1:] if known is not None and rows[0][0] == known else rows
                known = None
                if new:
                    after = self._last(after, [row[0] for row in new])
                    yield RowPage(types, [row[1:] for row in new], after)

    def _read(
        self, form: Callable[[Guarded, str], Guarded], values: Mapping[str, Any], size: int, seconds: float
    ) -> Generator[list[tuple[Any, ...]]]:
        """Yield the rows of what the query is brought into, `size` at a time."""
        running = Running(seconds)
        with _told(running), closing(self.database):
            server, query = self.database.opened(self.sql)
            if missing := [name for name in self.types if query.columns.count(name) != 1]:
                raise ConfigurationError(f"the query of an export has not one column {', '.join(missing)}")
            asked, values = form(query, server.dialect), {"tenant": self.tenant, **values}
            with readable_errors(), closing(server.rows(asked, values, size, running)) as rows:
                yield from rows

    def _last(self, after: Key, keys: Sequence[Key]) -> Key:
        """Return the last key. Raises TaskError for keys behind which reading could not go on."""
        if None in keys or any(map(eq, (after, *keys), keys)):
            message = f"rows of the query have no {self.key!r}, or the same one: exports go on behind a key"
            raise TaskError("key_not_unique", message, category=Category.VALIDATION)
        return keys[-1]


class _TooSlow(TaskError):
    """The time was over."""


@contextmanager
def _told(running: Running) -> Iterator[None]:
    """Raise what a query is refused for as the error of the job; a database that does not answer is tried again."""
    try:
        yield
    except Unreachable as error:
        raise TaskError("database_unreachable", str(error), category=Category.NETWORK, transient=True) from None
    except Refused as error:
        if running.left_s:
            raise TaskError("query_refused", str(error), category=Category.VALIDATION) from None
        raise _TooSlow("query_too_slow", str(error), category=Category.TIMEOUT) from None


def _counted(query: Guarded, _dialect: str) -> Guarded:
    sql = f"SELECT count(*) FROM ({query.sql}) AS {_ROW}"  # noqa: S608 - it is guarded
    return replace(query, sql=sql, columns=("count",))


def _ordered(query: Guarded, dialect: str, *, names: Sequence[str], types: Mapping[str, Type], whole: bool) -> Guarded:
    """Return a query of some columns of another, in the order of the first; if not `whole`, from a value of that on.

    What has no such value comes too: it must not be left out without a word.
    """
    chosen = (_WRITTEN[dialect].get(types[name], "{}").format(_column(name)) for name in names)
    parameters = query.parameters if whole else (*query.parameters, _AFTER)
    place = f":{_AFTER}" if dialect == "sqlite" else f"${len(parameters)}"
    key = _column(names[0])
    where = "" if whole else f" WHERE {key} >= {place} OR {key} IS NULL"
    sql = f"SELECT {', '.join(chosen)} FROM ({query.sql}) AS {_ROW}{where} ORDER BY {key}"  # noqa: S608 - as above
    return replace(query, sql=sql, parameters=parameters, columns=(*names,))


def _column(name: str) -> str:
    # Of the row, by its name: in ORDER BY a name alone would be what was selected, written in another way.
    quoted = name.replace('"', '""')
    return f'{_ROW}."{quoted}"'

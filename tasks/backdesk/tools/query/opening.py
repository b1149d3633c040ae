"""Opening DuckDB for one query: the tenant's data sets as views, and then locked.

After the lock no file is read but those of the data sets, none is written but the result and what does not fit into
memory, no extension is loaded, and no setting changes. Names of the program's own variables mean nothing in SQL.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from backdesk.tools.query.order import FAILED, Order, QueryFailed, Source

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

RESULT = "__result"
#: What DuckDB has by these names is found where a query names no schema.
_TAKEN = """
    SELECT lower(view_name) FROM duckdb_views() WHERE internal AND schema_name <> 'information_schema'
    UNION SELECT lower(table_name) FROM duckdb_tables() WHERE internal
"""


def result_of(order: Order) -> Path:
    """Return where the result goes."""
    return Path(order.folder) / f"result.{order.format}"


def opened(order: Order) -> tuple[DuckDBPyConnection, set[str]]:
    """Return a locked connection, and the names that DuckDB has of its own. Raises QueryFailed for unreadable data."""
    import duckdb  # noqa: PLC0415 - in the process of a query alone

    spill = Path(order.folder) / "spill"
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": order.threads,
            "memory_limit": f"{order.memory_mb}MB",
            "temp_directory": str(spill),
            "max_temp_directory_size": f"{order.spill_mb}MB",
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
            "allow_community_extensions": False,
            "allow_persistent_secrets": False,
            "python_enable_replacements": False,
        },
    )
    taken = {str(row[0]) for row in connection.execute(_TAKEN).fetchall()}
    for source in order.sources:
        try:
            connection.execute(_view(source))
        except duckdb.Error as error:
            raise QueryFailed(FAILED, f"data set {source.name}: {error}") from None
    _lock(connection, order, str(spill))
    return connection, taken


def _lock(connection: DuckDBPyConnection, order: Order, spill: str) -> None:
    paths = [path for source in order.sources for path in source.paths]
    settings = {
        "allowed_paths": f"[{', '.join(map(literal, [*paths, str(result_of(order))]))}]",
        "allowed_directories": f"[{literal(spill + '/')}]",
        "profiling_coverage": "'ALL'",
        "enable_profiling": "'no_output'",
        "enable_progress_bar": str(order.progress).lower(),
        "enable_progress_bar_print": "false",
        "max_execution_time": str(round(order.timeout_s * 1000)),
        "enable_external_access": "false",
        "lock_configuration": "true",  # the last
    }
    for name, value in settings.items():
        connection.execute(f"SET {name} = {value}")


def _view(source: Source) -> str:
    """Return the statement that makes a data set known; its name and its text are of the catalogue, and no query's."""
    name = f'"{source.name}"'
    paths = f"[{', '.join(map(literal, source.paths))}]"
    match source.form:
        case "made":
            return f"CREATE TABLE {name} AS {source.made_by}"
        case "parquet":
            return f"CREATE VIEW {name} AS SELECT * FROM read_parquet({paths}, union_by_name = true)"  # noqa: S608 - as said
        case "csv":
            types = ", ".join(f"{literal(column)}: {literal(kind)}" for column, kind in source.types.items())
            given = f", columns = {{{types}}}, header = true, nullstr = '\\N', auto_detect = false" if types else ""
            return f"CREATE VIEW {name} AS SELECT * FROM read_csv({paths}, union_by_name = true{given})"  # noqa: S608 - as said


def literal(text: str) -> str:
    """Write a text as SQL has it."""
    return f"'{text.replace(chr(39), chr(39) * 2)}'"

"""The program that runs one query: its order comes as a line of JSON, and what it tells goes out as lines of JSON.

It has a process of its own, without the environment of its worker, so that a query can be ended at any moment, has a
bound of memory that it cannot get past, and is measured alone. It ends when whoever started it does.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backdesk.tools.query import estimate, grammar
from backdesk.tools.query.metrics import Stopwatch, peak_memory_bytes, profiled
from backdesk.tools.query.opening import RESULT, literal, opened, result_of
from backdesk.tools.query.order import (
    FAILED,
    INVALID,
    OUT_OF_MEMORY,
    TIMED_OUT,
    TOO_LARGE,
    Answer,
    Order,
    QueryFailed,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: Told ten times a second at most.
_EVERY_S = 0.1
#: What the program itself and the stacks of its threads take beyond the memory that DuckDB counts.
_BESIDES_MB = 384
_LONGEST_CELL, _MOST_PREVIEW_BYTES = 500, 16_384
_FORMS = {"csv": "FORMAT csv, HEADER", "json": "FORMAT json, ARRAY true", "parquet": "FORMAT parquet"}

Tell = Callable[[float], None]


def run(order: Order, tell: Tell) -> Answer:
    """Run a query, and write its result into the folder of the order. Raises QueryFailed."""
    import duckdb  # noqa: PLC0415 - in the process of a query alone

    connection, taken = opened(order)
    with closing(connection):
        try:
            return _run(connection, order, taken, tell)
        except duckdb.Error as error:
            raise _failure(error, order) from None
        except RecursionError:
            raise QueryFailed(INVALID, "the query is nested too deeply") from None


def _run(connection: DuckDBPyConnection, order: Order, taken: set[str], tell: Tell) -> Answer:
    tables = {source.name for source in order.sources}
    statement = grammar.check(connection, order.sql, tables, taken)
    expected = estimate.estimated(connection, statement)
    estimate.check(expected, order.max_estimated_rows)
    watch = Stopwatch()
    with _told(connection, tell, order):
        # Its statement is one SELECT by DuckDB's own tree, whatever else is in it.
        connection.execute(f"CREATE TEMP TABLE {RESULT} AS SELECT * FROM ({statement}\n) LIMIT {order.max_rows + 1}")  # noqa: S608 - as said
    measured = profiled(connection)
    rows = _rows_of(connection, order)
    columns = [
        {"name": str(name), "type": "NULL" if kind == '"NULL"' else str(kind)}
        for name, kind, *_ in connection.execute(f"DESCRIBE {RESULT}").fetchall()
    ]
    file_bytes = _export(connection, order, columns)
    return Answer(
        rows=rows,
        columns=columns,
        preview=_preview(connection, order.preview_rows),
        file=str(result_of(order)),
        file_bytes=file_bytes,
        seconds=round(watch.seconds, 4),
        estimate=expected,
        metrics={**measured, "cpu_s": round(watch.cpu_s, 4), "peak_memory_bytes": peak_memory_bytes()},
    )


def _rows_of(connection: DuckDBPyConnection, order: Order) -> int:
    row = connection.execute(f"SELECT count(*) FROM {RESULT}").fetchone()  # noqa: S608 - a name of ours
    rows = int(row[0]) if row else 0
    if rows > order.max_rows:
        raise QueryFailed(
            TOO_LARGE, f"the result has more than {order.max_rows:,} rows: aggregate, filter, or LIMIT it"
        )
    return rows


def _export(connection: DuckDBPyConnection, order: Order, columns: list[dict[str, str]]) -> int:
    """Write the result to its file; returns its size."""
    chosen = "*"
    if order.format == "json" and (fractions := [each["name"] for each in columns if each["type"] in _FRACTIONS]):
        chosen = f"* REPLACE ({', '.join(map(_finite, fractions))})"
    target, most = result_of(order), order.max_result_mb * 1_000_000
    rows = f"SELECT {chosen} FROM {RESULT}"  # noqa: S608 - names of columns, in quotes
    with _bounded(connection, target, most) as over:
        try:
            # One of another name first, as by default, is none that may be written.
            form = f"{_FORMS[order.format]}, USE_TMP_FILE false"
            connection.execute(f"COPY ({rows}) TO {literal(str(target))} ({form})")
        finally:
            if over.is_set() or (target.exists() and target.stat().st_size > most):
                raise QueryFailed(TOO_LARGE, f"the result has more than {order.max_result_mb} MB: ask for less of it")
    return target.stat().st_size


_FRACTIONS = {"FLOAT", "DOUBLE"}


def _finite(column: str) -> str:
    """JSON has no word for what is no number: it becomes null."""
    name = '"' + column.replace('"', '""') + '"'
    return f"CASE WHEN isfinite({name}) THEN {name} END AS {name}"


@contextmanager
def _bounded(connection: DuckDBPyConnection, file: Path, most: int) -> Iterator[threading.Event]:
    """Interrupt what writes a file once it has more bytes than it may."""
    done, over = threading.Event(), threading.Event()

    def watch() -> None:
        while not done.wait(_EVERY_S):
            if file.exists() and file.stat().st_size > most:
                over.set()
                connection.interrupt()
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield over
    finally:
        done.set()
        thread.join()


@contextmanager
def _told(connection: DuckDBPyConnection, tell: Tell, order: Order) -> Iterator[None]:
    """Tell how far the statement within the block is, as far as DuckDB knows; never back."""
    if not order.progress:
        yield
        return
    done = threading.Event()

    def follow() -> None:
        furthest = 0.0
        while not done.wait(_EVERY_S):
            if (now := connection.query_progress() / 100) > furthest:
                furthest = min(now, 1.0)
                tell(furthest)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _preview(connection: DuckDBPyConnection, most: int) -> list[dict[str, Any]]:
    """Return the first rows, as many as fit; long texts are cut, which the dots at their end say."""
    first = f"SELECT to_json(r)::VARCHAR FROM (SELECT * FROM {RESULT} LIMIT {most}) r"  # noqa: S608 - a name of ours
    found = connection.execute(first).fetchall()
    rows: list[dict[str, Any]] = []
    size = 0
    for (text,) in found:
        row = {name: _cut(value) for name, value in json.loads(text, parse_constant=lambda _: None).items()}
        size += len(json.dumps(row))
        if size > _MOST_PREVIEW_BYTES:
            break
        rows.append(row)
    return rows


def _cut(value: Any) -> Any:
    if isinstance(value, str | list | dict) and len(text := value if isinstance(value, str) else json.dumps(value)) > (
        _LONGEST_CELL
    ):
        return f"{text[:_LONGEST_CELL]}..."
    return value


def _failure(error: Exception, order: Order) -> QueryFailed:
    import duckdb  # noqa: PLC0415 - as above

    message = str(error)
    for source in order.sources:
        for path in source.paths:
            message = message.replace(path, source.name)
    message = message.replace(order.folder, "").strip()
    match error:
        case duckdb.InterruptException():
            return QueryFailed(
                TIMED_OUT, f"the query took more than {order.timeout_s:g} s: ask for less, or allow more"
            )
        case duckdb.OutOfMemoryException():
            return QueryFailed(
                OUT_OF_MEMORY, f"the query needs more than {order.memory_mb} MB of memory: aggregate or filter earlier"
            )
        case duckdb.ParserException() | duckdb.BinderException() | duckdb.CatalogException():
            return QueryFailed(INVALID, message[:1000])
        case _:
            return QueryFailed(FAILED, message[:1000])


def _hold_memory(memory_mb: int) -> None:
    """Bound what this process may take: not all that a function makes is counted by DuckDB."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[5])
    except OSError:
        return  # where there is no such file, the bound is DuckDB's own alone
    most = pages * resource.getpagesize() + (memory_mb + _BESIDES_MB) * 1_000_000
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


def main() -> None:
    """Run the query that the first line of the input orders."""
    told = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whatever a library prints is none of it

    def tell(**said: Any) -> None:
        told.write(json.dumps(said) + "\n")

    order = Order.from_json(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import duckdb  # noqa: F401, PLC0415 - before the bound, which what a library maps counts towards

    sys.setrecursionlimit(20_000)
    _hold_memory(order.memory_mb)
    tell(began=True)
    try:
        answer = run(order, lambda fraction: tell(progress=fraction))
    except QueryFailed as error:
        tell(failed={"code": error.code, "message": error.message})
    except MemoryError:
        tell(failed={"code": OUT_OF_MEMORY, "message": "there is not enough memory for the query"})
    else:
        tell(answer={name: getattr(answer, name) for name in Answer.__slots__})


if __name__ == "__main__":
    main()

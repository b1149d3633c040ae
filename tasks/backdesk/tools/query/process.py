"""Running a query in a process of its own, from the worker's side."""

from __future__ import annotations

import importlib.util
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any, cast

from backdesk.platform.tool_settings import settings_of
from backdesk.tools.query.order import CRASHED, OUT_OF_MEMORY, TIMED_OUT, Answer, Order, QueryFailed, Source
from backdesk.tools.query.settings import QuerySettings
from backdesk.worker.errors import ConfigurationError, TaskError
from backdesk.worker.failure import Category

MISSING = 'queries are run by libraries that are not installed: pip install "backdesk[tools]"'
#: Loading DuckDB takes a tenth of a second, and longer on a machine that has no time.
_START_S = 60.0
#: What the engine needs to say that the time is over, and to write a result that was ready in time.
_GRACE_S = 5.0
#: Arenas of memory by the thread would count towards the bound, in use or not.
_ENVIRONMENT = {"TZ": "UTC", "MALLOC_ARENA_MAX": "2"}
_CATEGORIES = {TIMED_OUT: Category.TIMEOUT, CRASHED: Category.UNKNOWN}
#: How long an interrupt of the job may have to wait.
_LOOK_S = 0.1


def run(order: Order, tell: Callable[[float], None]) -> Answer:
    """Run a query; `tell` gets the fraction that is done, as far as it is known. Blocks.

    Whatever ends the wait, an interrupt of the job included, ends the query. Raises QueryFailed, and ConfigurationError
    where DuckDB is not installed.
    """
    require()
    with _started(order) as process:
        for said in _lines(cast("IO[bytes]", process.stdout), order):
            match said:
                case {"progress": float(fraction)}:
                    tell(fraction)
                case {"failed": {"code": code, "message": message}}:
                    raise QueryFailed(code, message)
                case {"answer": answer}:
                    return Answer(**answer)
        raise _crash(process.wait())


def order_for(sql: str, sources: Sequence[Source], folder: str, **wishes: Any) -> Order:
    """Return the order of a query within what this deployment allows one; `wishes` are other fields of it."""
    settings = settings_of(QuerySettings)
    return Order(
        sql,
        tuple(sources),
        folder,
        memory_mb=settings.memory_mb,
        threads=settings.threads,
        spill_mb=settings.spill_mb,
        max_rows=settings.max_rows,
        max_result_mb=settings.max_result_mb,
        **wishes,
    )


def failure_of(error: QueryFailed) -> TaskError:
    """Return what a job fails with: another attempt would fail alike, but for one whose process was lost."""
    category = _CATEGORIES.get(error.code, Category.VALIDATION)
    return TaskError(error.code, error.message, category=category, transient=error.code == CRASHED)


def require() -> None:
    """Raise ConfigurationError where the libraries of queries are not installed."""
    if any(importlib.util.find_spec(name) is None for name in ("duckdb", "sqlglot")):
        raise ConfigurationError(MISSING)


@contextmanager
def _started(order: Order) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "backdesk.tools.query.engine"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=order.folder,
        # No secret of the worker's is in there.
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HOME": order.folder, **_ENVIRONMENT},
    )
    orders, told = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
    try:
        with suppress(BrokenPipeError):  # of one that has ended at once: what it has told by then says why
            orders.write(f"{order.as_json()}\n".encode())
            orders.flush()  # left open: its end is this process's end
        yield process
    finally:
        process.kill()
        with suppress(BrokenPipeError):
            orders.close()
        told.close()
        process.wait()


def _lines(pipe: IO[bytes], order: Order) -> Iterator[dict[str, Any]]:
    """Yield what the process says until it ends. Raises QueryFailed when it takes longer than it may."""
    ends, buffer = time.monotonic() + _START_S, b""
    while time.monotonic() < ends:
        ready, _, _ = select.select([pipe], [], [], _LOOK_S)
        if not ready:
            continue
        if not (piece := os.read(pipe.fileno(), 65_536)):
            return
        *lines, buffer = (buffer + piece).split(b"\n")
        for line in lines:
            said: dict[str, Any] = json.loads(line)
            if "began" in said:
                ends = time.monotonic() + order.timeout_s + _GRACE_S
            yield said
    raise QueryFailed(TIMED_OUT, f"the query took more than {order.timeout_s:g} s: ask for less, or allow more")


def _crash(code: int) -> QueryFailed:
    if code in (-9, -6):  # as when the system has no memory left, or DuckDB gets none where it must have some
        return QueryFailed(OUT_OF_MEMORY, "the process of the query was ended, most likely for its need of memory")
    return QueryFailed(CRASHED, f"the process of the query ended without a result (exit code {code})")

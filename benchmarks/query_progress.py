"""What it costs a query that its progress is told: the same query with and without it, in turn."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from pydantic_core import to_json

from backdesk.tools.query import process
from backdesk.tools.query.order import Order, Source
from benchmarks.line import Bound, Line
from benchmarks.plan import Plan
from benchmarks.rounds import fresh_server

ROWS = 1_000_000
PAIRS = 20
MADE = "SELECT i, i % 97 AS k, (i * 7919) % 1000 / 10 AS v, 'name' || (i % 1000) AS name FROM range({rows}) t(i)"
SQL = "SELECT name, sum(v) AS v, count(DISTINCT hash(i, k)) AS n FROM numbers GROUP BY name ORDER BY v DESC"


class Taken(NamedTuple):
    """What one query took: CPU of this process and of its own, and time."""

    cpu_s: float
    seconds: float


def query_progress(plan: Plan) -> list[Line]:
    """Query a file of a million rows, with its progress told to Redis and without."""
    with TemporaryDirectory() as folder, fresh_server() as server:
        source = _written(Path(folder), plan.of(ROWS))

        def tell(fraction: float) -> None:
            server.client.rpush("log", to_json({"type": "progress", "data": {"fraction": fraction}}))
            server.client.publish("progress", "x")

        told, untold = [], []
        for _ in range(plan.repeat):
            pairs = [(_query(source, tell), _query(source, None)) for _ in range(plan.of(PAIRS))]
            told.append(statistics.median(each.cpu_s for each, _ in pairs) * 1000)
            untold.append(statistics.median(each.cpu_s for _, each in pairs) * 1000)
    bound = Bound("ratio", "≥", 0.98)
    return [Line("query_progress", "CPU of a query of 1,000,000 rows", "ms", told, "untold", untold, bound=bound)]


def _written(folder: Path, rows: int) -> Source:
    made = Source("numbers", "made", made_by=MADE.format(rows=rows))
    with TemporaryDirectory() as scratch:
        order = Order("SELECT * FROM numbers", (made,), scratch, format="csv", progress=False)
        file = folder / "numbers.csv"
        Path(process.run(order, lambda _: None).file).rename(file)
    return Source("numbers", "csv", (str(file),))


def _query(source: Source, tell: Callable[[float], None] | None) -> Taken:
    before, began = _cpu_s(), time.perf_counter()
    with TemporaryDirectory() as folder:
        process.run(Order(SQL, (source,), folder, progress=tell is not None), tell or (lambda _: None))
    return Taken(_cpu_s() - before, time.perf_counter() - began)


def _cpu_s() -> float:
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)

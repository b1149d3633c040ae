"""How fast a long export is written: a table of DuckDB as CSV, with checkpoints, beside DuckDB's own COPY of it."""

from __future__ import annotations

import time
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from backdesk.testing import Bench, sandbox
from benchmarks.child import MeasurementFailed
from benchmarks.line import Bound, Line
from benchmarks.plan import Plan

ROWS = 2_000_000
BARE = "bare COPY"
COLUMNS = {
    "number": "integer",
    "customer": "text",
    "status": "text",
    "cents": "integer",
    "placed_on": "date",
    "note": "text",
}
_FILL = """
CREATE TABLE orders AS SELECT
  range AS number, 'customer-' || (range % 1000) AS customer, 'delivered' AS status, range * 13 % 99999 AS cents,
  DATE '2026-01-01' + CAST(range % 365 AS INTEGER) AS placed_on, 'a note with some words, number ' || range AS note
FROM range({rows})
"""


def export(plan: Plan) -> list[Line]:
    """Export a table of 2,000,000 rows as CSV, in this process."""
    ours, bare = [], []
    with TemporaryDirectory(prefix="backdesk-bench-") as folder:
        path = Path(folder, "orders.duckdb")
        with duckdb.connect(str(path)) as connection:
            connection.execute(_FILL.format(rows=plan.of(ROWS)))
        _register(path)
        for _ in range(plan.repeat):
            ours.append(_exported())
            bare.append(_copied(path, Path(folder, "bare.csv")))
    return [Line("export", "CSV of a table", "MB/s", ours, BARE, bare, "higher", Bound("value", "≥", 50))]


def _register(path: Path) -> None:
    """Load the kind, by name as a worker does: its folder may be deleted."""
    folder = "backdesk.kinds.export"
    import_module(f"{folder}.kind")
    source = partial(import_module(f"{folder}.duck").duckdb_source, path, "orders", COLUMNS, tenant_column=None)
    import_module(f"{folder}.sources").register("bench_orders", source)


def _exported() -> float:
    with Bench(max_blob_bytes=2**31) as bench, sandbox():
        began = time.perf_counter()
        job = bench.run("report.export", {"source": "bench_orders", "rows_per_part": 100_000})
        if job.state != "succeeded":
            raise MeasurementFailed(f"the export came to be {job.state}: {job.error}")
        size: int = job.result.bytes
        return size / (time.perf_counter() - began) / 1e6


def _copied(path: Path, to: Path) -> float:
    with duckdb.connect(str(path), read_only=True) as connection:
        began = time.perf_counter()
        connection.execute(f"COPY orders TO '{to}' (FORMAT csv)")
        return to.stat().st_size / (time.perf_counter() - began) / 1e6

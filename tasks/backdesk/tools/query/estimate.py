"""What a query is expected to come to, before it runs: the rows that DuckDB's optimizer estimates for each step.

It knows how many rows Parquet files and its own tables have; of CSV it guesses by the size of the files, and of filters
and joins by rules of thumb. So this tells a query that joins everything with everything from one that does not, and
no more than that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING, Any

from backdesk.tools.query.order import OVER_ESTIMATE, QueryFailed

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_ROWS = "Estimated Cardinality"


def estimated(connection: DuckDBPyConnection, statement: str) -> dict[str, int | None]:
    """Return the rows that the sources give, those of the largest step, and those of the result; null if unknown."""
    row = connection.execute(f"EXPLAIN (FORMAT json) {statement}").fetchone()
    plan: list[dict[str, Any]] = json.loads(row[1]) if row else []
    steps = [*_steps(plan)]
    rows = [found for step in steps if (found := _rows(step)) is not None]
    read = [found for step in steps if not step.get("children") and (found := _rows(step)) is not None]
    result = next((found for step in steps if (found := _rows(step)) is not None), None)
    return {"rows_read": sum(read) if read else None, "rows_of_largest_step": max(rows, default=None), "rows": result}


def check(estimate: dict[str, int | None], most: int | None) -> None:
    """Raise QueryFailed for a query that is expected to come to more rows than it may."""
    largest = estimate["rows_of_largest_step"]
    if most is not None and largest is not None and largest > most:
        raise QueryFailed(
            OVER_ESTIMATE,
            f"a step of the query is estimated to come to {largest:,} rows, {most:,} are allowed: join by a condition, "
            "filter earlier, or allow more",
        )


def _steps(plan: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the steps, each before those that it takes its rows from."""
    for step in plan:
        yield step
        yield from _steps(step.get("children", []))


def _rows(step: dict[str, Any]) -> int | None:
    text = str(step.get("extra_info", {}).get(_ROWS, ""))
    if text.isdecimal():
        return int(text)
    if step.get("name") == "CROSS_PRODUCT":  # which says none, and has as many as its sides by each other
        sides = [_rows(side) for side in step.get("children", [])]
        return prod(side for side in sides if side is not None) if None not in sides else None
    return None

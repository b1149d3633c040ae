"""What ended step by step, as a table that fits a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.table import Table

from backdesk.cli.options.moments import shown_span
from backdesk.cli.safe_text import safe_line
from backdesk.cli.views.columns import Cell, fitted
from backdesk.cli.views.measures import figure
from backdesk.cli.views.stats import failed_share, usd
from backdesk.client.operations.series import Point, Series, Spread
from backdesk.worker.model.job import JobState


def series_table(found: Series, *, width: int) -> Table:
    """Return a line for each step; by kind or queue for each that had jobs. Columns without a figure are left out."""
    lines = [*_by_group(found)] if found.by else [(None, point) for point in found.total]
    shown = {title: [cell(point) for _, point in lines] for title, cell in _COLUMNS.items()}
    kept = {title: cells for title, cells in shown.items() if any(map(str, cells))}
    heading = ("UTC", found.by, *kept) if found.by else ("UTC", *kept)
    rows: list[list[Cell]] = []
    for number, (name, point) in enumerate(lines):
        repeated = number and lines[number - 1][1].at == point.at
        first = ["" if repeated else f"{point.at:%d %H:%M}", *([] if name is None else [safe_line(name)])]
        rows.append([*first, *(cells[number] for cells in kept.values())])
    dispensable = [title for title in _DISPENSABLE if title in kept]
    return fitted(heading, rows, width=width, dispensable=dispensable, numbers=tuple(kept))


def _by_group(found: Series) -> Iterator[tuple[str, Point]]:
    for number in range(len(found.total)):
        for group in found.groups:
            if (point := group.points[number]).jobs:
                yield group.name, point


def _of(spread: Spread | None, q: str) -> str:
    return shown_span(getattr(spread, q)) if spread else ""


_COLUMNS: dict[str, Callable[[Point], Cell]] = {
    "jobs": lambda point: figure(point.jobs),
    "ok": lambda point: figure(point.states[JobState.SUCCEEDED]) if point.jobs else "",
    "failed": failed_share,
    "wait p50": lambda point: _of(point.wait, "p50"),
    "wait p95": lambda point: _of(point.wait, "p95"),
    "run p50": lambda point: _of(point.run, "p50"),
    "run p95": lambda point: _of(point.run, "p95"),
    "tokens": lambda point: figure(tokens) if (tokens := point.input_tokens + point.output_tokens) else "",
    "USD": lambda point: usd(point.cost_usd) if point.cost_usd else "",
}
#: What is left out first where there is no room.
_DISPENSABLE = ("ok", "wait p50", "tokens", "USD", "run p50")

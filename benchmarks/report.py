"""The lines of a run as a table for people, as JSON for programs, and as Markdown for documents."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.line import Line

#: Of the table where there is no terminal. Characters.
WIDTH = 150
COLUMNS = ("measured", "backdesk", "peer", "its figure", "times better", "target", "")


def conditions(repeat: int) -> dict[str, Any]:
    """Return what a figure means nothing without."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "load": round(os.getloadavg()[0], 1),
        "celery": version("celery"),
        "repetitions": repeat,
    }


def show(lines: Sequence[Line], facts: dict[str, Any]) -> None:
    """Print the table."""
    table = Table(*COLUMNS, title="backdesk beside its peers", caption=_caption(facts))
    for line in lines:
        table.add_row(*_cells(line))
    console = Console()
    # Rich takes 80 columns for a file or a pipe, too few for this table.
    (console if console.is_terminal else Console(width=WIDTH)).print(table)


def as_json(lines: Sequence[Line], facts: dict[str, Any]) -> str:
    """Return every sample."""
    return json.dumps({"conditions": facts, "lines": [line.as_json() for line in lines]}, indent=2)


def as_markdown(lines: Sequence[Line], facts: dict[str, Any]) -> str:
    """Return the same table in Markdown."""
    rows = [COLUMNS, ("---",) * len(COLUMNS), *(_cells(line) for line in lines)]
    return "\n".join(["| " + " | ".join(row) + " |" for row in rows] + ["", _caption(facts), ""])


def _cells(line: Line) -> tuple[str, ...]:
    theirs = f"not measured: {line.missing}" if line.missing else _spread(line.theirs, line.unit, _number)
    verdict = {True: "met", False: "NOT MET", None: ""}[line.met]
    target = str(line.bound) if line.bound else ""
    ratios = _spread(line.ratios, "", lambda ratio: f"{ratio:.2f}")
    return line.title, _spread(line.ours, line.unit, _number), line.peer, theirs, ratios, target, verdict


def _spread(values: Sequence[float], unit: str, written: Callable[[float], str]) -> str:
    if not values:
        return ""
    median, low, high = (written(value) for value in (statistics.median(values), min(values), max(values)))
    return f"{median} {unit}".strip() + (f" ({low} to {high})" if len(values) > 1 else "")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _caption(facts: dict[str, Any]) -> str:
    said = ", ".join(f"{name} {value}" for name, value in facts.items())
    return f"Median of the repetitions (lowest to highest); over 1 times better is in our favour. {said}"

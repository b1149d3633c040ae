"""A table that fits the terminal: where there is no room for all columns, some are left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from rich.text import Text

from backdesk.cli.output import Output

R = TypeVar("R")
_GAP = "  "


def show_fitted(
    records: Sequence[R],
    out: Output,
    *,
    cells: Callable[[R], Mapping[str, str]],
    style: Callable[[R, str], str],
    dispensable: Sequence[str],
) -> Iterator[R]:
    """Print a heading and then a line a record, each by name of its column; gives each record when its line is printed.

    Columns in `dispensable` are left out, one after the other, until the rest fits. There must be a record.
    """
    rows = [cells(record) for record in records]
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]}
    for name in dispensable:
        if sum(widths.values()) + len(_GAP) * (len(widths) - 1) > out.console.width:
            del widths[name]
    out.line(_GAP.join(f"{name:<{width}}" for name, width in widths.items()).rstrip(), "bold")
    for record, row in zip(records, rows, strict=True):
        line = Text(_GAP).join(Text(f"{row[name]:<{width}}", style(record, name)) for name, width in widths.items())
        line.rstrip()
        out.show(line)
        yield record

"""A table that fits where it is printed: what there is no room for is left out, column by column."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

_GAP = 2

Cell = str | Text


def fitted(
    columns: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    width: int,
    dispensable: Sequence[str] = (),
    numbers: Collection[str] = (),
) -> Table:
    """Return a table, without those of the `dispensable` columns, in this order, that make it too wide.

    Cells must be safe text. `numbers` are columns set flush right.
    """
    kept = dict(zip(columns, _widths(columns, rows), strict=True))
    for name in dispensable:
        if sum(kept.values()) + _GAP * (len(kept) - 1) <= width:
            break
        del kept[name]
    made = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for name in kept:
        made.add_column(name, no_wrap=True, overflow="ellipsis", justify="right" if name in numbers else "left")
    at = [index for index, name in enumerate(columns) if name in kept]
    for row in rows:
        cells = [row[index] for index in at]
        made.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in cells))
    return made


def _widths(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[int]:
    return [max(cell_len(name), *(cell_len(str(row[index])) for row in rows), 0) for index, name in enumerate(columns)]

"""Pages of rows that are Python's, as databases give them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic_core import to_json

from backdesk.kinds.export.sources import Key, Row, Type

#: What a spreadsheet takes for the beginning of a formula, also in the wide forms of East Asian text.
FORMULA = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
#: What makes a value of some types one of JSON: databases have numbers of more digits, and 1 for true.
_PLAIN: Mapping[Type, Callable[[Any], Any]] = {"boolean": bool, "number": float}
_SUSPECT = re.compile(f"(?m)^[{re.escape(FORMULA)}]")


@dataclass(frozen=True, slots=True)
class RowPage:
    """Rows in memory, with the types of their columns."""

    columns: Mapping[str, Type]
    values: Sequence[Row]
    last: Key

    @property
    def rows(self) -> int:
        """How many they are."""
        return len(self.values)

    def csv(self, *, escape: bool) -> bytes:
        """See `Page`."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(zip(*self._written(escape=escape), strict=True))
        return text.getvalue().encode("utf-8", "replace")

    def lines(self) -> bytes:
        """See `Page`."""
        names, columns = list(self.columns), list(zip(*self.values, strict=True))
        for index, kind in enumerate(self.columns.values()):
            if plain := _PLAIN.get(kind):
                columns[index] = tuple(None if value is None else plain(value) for value in columns[index])
        rows = zip(*columns, strict=True)
        return b"".join(to_json(dict(zip(names, row, strict=True)), inf_nan_mode="null") + b"\n" for row in rows)

    def _written(self, *, escape: bool) -> list[Sequence[Any]]:
        """Return the columns as they are written. A scan of each as a whole spares most a look at each value."""
        columns = list(zip(*self.values, strict=True))
        for index, kind in enumerate(self.columns.values()):
            match kind:
                case "text" if escape and _SUSPECT.search("\n".join(map(str, filter(None, columns[index])))):
                    columns[index] = tuple(map(_escaped, columns[index]))
                case "boolean":
                    columns[index] = tuple(map(_truth, columns[index]))
                case "date" | "timestamp":
                    columns[index] = tuple(map(_iso, columns[index]))
        return list(columns)


def _escaped(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] and value[0] in FORMULA else value


def _truth(value: Any) -> str | None:
    return None if value is None else str(bool(value)).lower()


def _iso(value: Any) -> Any:
    return value.isoformat() if isinstance(value, (date, datetime)) else value

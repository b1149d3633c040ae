"""What comes back of a query, and how much of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, JsonValue

from backdesk.agents.outcome import ToolOutcome

#: Rows beyond those that are returned are counted up to here.
COUNTED = 10_000
#: Characters of one value that are returned.
LONGEST_VALUE = 2_000
#: Bytes of one row, as JSON, that are read from the database.
LONGEST_ROW = 262_144


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may take: rows and characters of JSON that it returns, and seconds that it runs."""

    rows: int
    seconds: float
    characters: int = 40_000


class QueryResult(ToolOutcome):
    """The rows of a query, up to a limit."""

    model_config = ConfigDict(frozen=True)

    columns: list[str]
    rows: list[list[JsonValue]]
    #: What is not shown, in words; None when all is.
    more: str | None = None

    def summary(self) -> str:
        rows = "1 row" if len(self.rows) == 1 else f"{len(self.rows)} rows"
        return f"{rows}, {self.more}" if self.more else rows


class Gathered:
    """Rows as they come from a database, as far as there is room for them."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._room = limits.characters
        self.rows: list[list[Any]] = []
        self.full = False

    def add(self, row: list[Any]) -> bool:
        """Take a row if there is room for it; all that come after one for which there is none are not taken."""
        shown = [_shown(value) for value in row]
        self._room -= sum(len(str(value)) + 4 for value in shown)
        self.full = self.full or len(self.rows) >= self._limits.rows or (self._room < 0 and bool(self.rows))
        if not self.full:
            self.rows.append(shown)
        return not self.full

    def result(self, columns: tuple[str, ...], more: int | None) -> QueryResult:
        """Put together what the model gets; `more` rows were counted beyond these, None when that took too long."""
        return QueryResult(columns=list(columns), rows=self.rows, more=_more(more))


def _more(more: int | None) -> str | None:
    if more is None:
        return "and more rows: narrow the question, or count and sum in SQL"
    if more >= COUNTED:
        return f"and at least {COUNTED} more rows"
    return f"and {more} more row{'s' if more > 1 else ''}" if more else None


def _shown(value: Any) -> Any:
    """Return a value as JSON has it, not longer than a model can use."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if value - value == 0 else str(value)  # infinities and NaN are none of JSON's
        case bytes():
            return f"({len(value)} bytes)"
        case list() | dict():
            text = json.dumps(value)
            return value if len(text) <= LONGEST_VALUE else _cut(text)
        case _:
            return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}... ({len(text)} characters)"

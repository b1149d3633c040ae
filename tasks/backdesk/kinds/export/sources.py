"""What can be exported: named sources of rows, read in pages by a key, so that reading goes on after any row.

A deployment registers its own beside those of the shop, in a module of `BACKDESK_TASK_MODULES`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from backdesk.worker.errors import ConfigurationError

Type = Literal["integer", "number", "text", "boolean", "date", "timestamp"]
#: Where reading goes on: the key of the last row, as JSON.
Key = int | str | None
Row = Sequence[Any]


class Page(Protocol):
    """Some rows, in the order of their keys."""

    @property
    def rows(self) -> int:
        """How many they are."""

    @property
    def last(self) -> Key:
        """The key of the last of them."""

    def csv(self, *, escape: bool) -> bytes:
        """Return them as CSV, without a header."""

    def lines(self) -> bytes:
        """Return them as JSON, an object a line."""


class Reader(Protocol):
    """The rows of one tenant, in some columns. Everything blocks."""

    def count(self) -> int | None:
        """Return how many rows there are now; None where it would take too long to know."""

    def pages(self, after: Key, size: int) -> Generator[Page]:
        """Yield the rows after a key, `size` a page; the last page may have fewer, and none is empty."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source: its columns with their types, and how it is opened for a tenant and some of the columns."""

    columns: Mapping[str, Type]
    open: Callable[[str, Sequence[str]], Reader]


_SOURCES: dict[str, Callable[[], Source]] = {}


def register(name: str, source: Callable[[], Source]) -> None:
    """Have exports know a source, which is made when it is asked for. Raises ConfigurationError for a name twice."""
    if name in _SOURCES and _SOURCES[name] is not source:
        raise ConfigurationError(f"there are two sources of exports named {name!r}")
    _SOURCES[name] = source


def source_of(name: str) -> Source | None:
    """Return a source, None for an unknown name."""
    made = _SOURCES.get(name)
    return made() if made else None


def known() -> list[str]:
    """Return the names of all sources."""
    return sorted(_SOURCES)

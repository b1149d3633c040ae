"""A page of a list: what was found, and how far that goes. Plain values, no Redis."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar, overload

from backdesk.worker.errors import InvalidRequest

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Page(Sequence[T]):
    """A part of a list; itself a sequence of what it holds.

    `cursor` goes on behind it, and is None at the end. It stays good while entries come and go, and belongs to the
    filters that it was got with. To find what fits, `looked_at` entries were looked at, `of` as many as there are where
    the index leads. A page that is not `complete` holds less than was asked for, though more may follow: one call looks
    at a bounded number.
    """

    items: list[T]
    cursor: str | None
    looked_at: int
    of: int
    complete: bool

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> list[T]: ...
    def __getitem__(self, at: int | slice) -> T | list[T]:
        return self.items[at]

    def holding(self, items: list[U]) -> Page[U]:
        """Return a page of something else that was found at the same place."""
        return Page(items, self.cursor, self.looked_at, self.of, self.complete)


class Place(NamedTuple):
    """The place in a list of the last entry that was looked at; empty at the beginning."""

    score: str = ""
    member: str = ""

    @property
    def rank(self) -> tuple[float, str]:
        """Return it as it compares with others."""
        return float(self.score), self.member

    @property
    def cursor(self) -> str | None:
        """Return it as callers get it; None when there is no such place."""
        if not self.score:
            return None
        return base64.urlsafe_b64encode(f"{self.score} {self.member}".encode()).decode().rstrip("=")


def read_cursor(cursor: str | None) -> Place:
    """Return the place that a cursor names; raises InvalidRequest for what no page has given."""
    if cursor is None:
        return Place()
    try:
        raw = base64.b64decode(f"{cursor}{'=' * (-len(cursor) % 4)}", altchars=b"-_", validate=True).decode()
        score, separator, member = raw.partition(" ")
        if separator and math.isfinite(float(score)):
            return Place(score, member)
    except (binascii.Error, ValueError):
        pass
    raise InvalidRequest("cursor", "is none that a page has given; begin without one")

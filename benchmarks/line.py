"""One line of the report: a figure of backdesk, what a peer has beside it, and the bound that it should meet."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Bound:
    """What a median should be: that of the ratio to the peer, or that of our own value."""

    on: Literal["ratio", "value"]
    sign: Literal["≥", "≤", "<"]
    limit: float

    def met(self, value: float) -> bool:
        """Whether a value keeps the bound."""
        match self.sign:
            case "≥":
                return value >= self.limit
            case "≤":
                return value <= self.limit
            case "<":
                return value < self.limit

    def __str__(self) -> str:
        return f"{self.on} {self.sign} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Line:
    """The samples of both sides, one of each a repetition, taken next to each other."""

    measurement: str
    title: str
    unit: str
    ours: Sequence[float]
    peer: str = ""
    theirs: Sequence[float] = ()
    better: Literal["lower", "higher"] = "lower"
    bound: Bound | None = None
    #: Why there is no peer.
    missing: str | None = None

    @property
    def ratios(self) -> list[float]:
        """How many times better than the peer we are, in each repetition: over 1 is better, whatever the unit."""
        pairs = zip(self.ours, self.theirs, strict=True) if self.theirs else ()
        return [theirs / ours if self.better == "lower" else ours / theirs for ours, theirs in pairs if ours and theirs]

    @property
    def met(self) -> bool | None:
        """Whether the bound is kept; None without a bound, or without what it is about."""
        values = self.ratios if self.bound and self.bound.on == "ratio" else self.ours
        known = [value for value in values if value == value]  # noqa: PLR0124 - leaves out what is not a number
        return self.bound.met(statistics.median(known)) if self.bound and known else None

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON data, samples included."""
        return {**asdict(self), "ratios": self.ratios, "met": self.met}

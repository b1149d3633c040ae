"""What the ends of jobs come to by minute and so far, as `store/lua/shared/ends.lua` counts them.

Times are counted in buckets that double, which tells any quantile within its bucket.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Any

from pydantic_core import from_json

from backdesk.worker.model.job import TERMINAL, JobState
from backdesk.worker.store.calls import CallBuilder
from backdesk.worker.store.scripts import Call

#: For how many minutes they are kept.
MINUTES_KEPT = 48 * 60
#: The kind that stands for those of a queue beyond `MOST_OF_MINUTE` and `MOST_IN_ALL` in `ends.lua`.
OTHERS = "*"
#: What the buckets of times go up to, in seconds; what is longer is in one more, without end.
BOUNDS_S = (*(2**power / 1000 for power in range(28)), inf)


@dataclass(slots=True)
class Times:
    """How long something took: how often, in seconds together, and how many are in each bucket of `BOUNDS_S`."""

    sum_s: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * len(BOUNDS_S))

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.buckets)

    def cumulative(self) -> Iterator[tuple[float, int]]:
        """Yield each bound in seconds with how many took no longer."""
        passed = 0
        for bound, count in zip(BOUNDS_S, self.buckets, strict=True):
            passed += count
            yield bound, passed

    def quantile(self, q: float) -> float:
        """Return what the share `q` (0 to 1) of all took no longer than, spread evenly in their buckets.

        Of the last bucket it is the bound below. Raises ValueError when there are none.
        """
        rank, below_s, before = q * self.count, 0.0, 0
        for bound, passed in self.cumulative():
            if passed >= rank and passed > before:
                return below_s if bound == inf else below_s + (bound - below_s) * (rank - before) / (passed - before)
            below_s, before = bound, passed
        raise ValueError("there are no times")


@dataclass(frozen=True, slots=True)
class Ends:
    """Jobs that ended: how many in each state, how long they waited and ran, and what they asked of models.

    Beside them are attempts at jobs, whether these have ended or not, that were retried or lost.
    """

    figures: Counter[str] = field(default_factory=Counter)

    def add(self, other: Ends) -> None:
        """Put others to these."""
        for name, figure in other.figures.items():
            self.figures[name] += figure

    @property
    def states(self) -> dict[JobState, int]:
        """How many ended in each state."""
        return {state: int(self.figures[state]) for state in JobState if state in TERMINAL}

    @property
    def waits(self) -> Times:
        """From the submission, or the time that a job was meant for, to its first start: of those that began."""
        return self._times("w", "wait_ms")

    @property
    def runs(self) -> Times:
        """The times of all attempts at a job together: of those that began."""
        return self._times("r", "run_ms")

    @property
    def retried(self) -> int:
        """Attempts that failed and were followed by another."""
        return int(self.figures["retried"])

    @property
    def lost(self) -> int:
        """Attempts whose worker was lost."""
        return int(self.figures["lost"])

    @property
    def input_tokens(self) -> int:
        return int(self.figures["input_tokens"])

    @property
    def output_tokens(self) -> int:
        return int(self.figures["output_tokens"])

    @property
    def cost_usd(self) -> float:
        """What they cost, as far as that is known."""
        return float(self.figures["cost_usd"])

    def _times(self, bucket: str, in_all: str) -> Times:
        times = Times(self.figures[in_all] / 1000)
        for name, count in self.figures.items():
            if name[0] == bucket and name[1:].isdecimal():
                times.buckets[min(int(name[1:]), len(BOUNDS_S) - 1)] += int(count)
        return times


#: A queue and a kind.
Group = tuple[str, str]


class EndsCalls(CallBuilder):
    """Builds the calls that read what has ended."""

    _room = __name__.rpartition(".")[0]

    def series(self, first: int, count: int) -> Call[list[tuple[int, Group, Ends]]]:
        """Read what ended in minutes since 1970, a minute and a group maybe twice; changes nothing."""
        return self._call("series", _read_series, first=first, count=count)

    def totals(self) -> Call[dict[Group, Ends]]:
        """Read what has ended so far; changes nothing. No figure is ever less than before."""
        return self._call("totals", _read_totals)


def _read_series(reply: list[Any]) -> list[tuple[int, Group, Ends]]:
    entries = zip(reply[::3], reply[1::3], reply[2::3], strict=True)
    return [(minute, _read_group(group), _read_ends(figures)) for minute, group, figures in entries]


def _read_totals(reply: list[Any]) -> dict[Group, Ends]:
    totals: dict[Group, Ends] = {}
    for group, figures in zip(reply[::2], reply[1::2], strict=True):
        totals.setdefault(_read_group(group), Ends()).add(_read_ends(figures))
    return totals


def _read_group(raw: bytes) -> Group:
    queue, _, kind = raw.decode().partition(" ")
    return queue, kind


def _read_ends(raw: bytes) -> Ends:
    return Ends(Counter(from_json(raw)))

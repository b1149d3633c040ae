"""Distributions of measured numbers, as `store/lua/stats.lua` counts them: sums and buckets that can be added up.

After Masson, Rim, Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees", PVLDB 12
(2019): any quantile is told with a relative error of at most `RELATIVE_ACCURACY`, from however many sketches together.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, inf

#: The same as in `stats.lua`.
RELATIVE_ACCURACY = 0.02
GAMMA = (1 + RELATIVE_ACCURACY) / (1 - RELATIVE_ACCURACY)
#: The measure that all jobs have that ran: counted with their states, by buckets alone.
RUN_SECONDS = "run_seconds"
_SUMMARY = struct.Struct("<ddd")


@dataclass(slots=True)
class DDSketch:
    """The numbers of one measure; `add` puts those of another sketch to them."""

    sum: float = 0.0
    min: float = inf
    max: float = -inf
    #: How many numbers are near each of these, which stand for their buckets.
    counts: Counter[float] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        """How many numbers there are."""
        return self.counts.total()

    @property
    def mean(self) -> float:
        """Their mean; there must be one."""
        return self.sum / self.count

    def quantile(self, q: float) -> float:
        """Return the least number that at least the share `q` (0 to 1) of all is not above; there must be one."""
        rank, passed = ceil(q * self.count - 1e-9), 0
        for value in sorted(self.counts):
            passed += self.counts[value]
            if passed >= rank:
                return self._whole(min(max(value, self.min), self.max))
        return self.max

    def _whole(self, value: float) -> float:
        """Return the whole number that a value stands for, where all numbers are whole: a bucket holds one of these."""
        whole = all(each.is_integer() for each in (self.sum, self.min, self.max))
        return float(round(value)) if whole and abs(value) < 1 / (2 * RELATIVE_ACCURACY) else value

    def add(self, other: DDSketch) -> None:
        """Put the numbers of another sketch to these."""
        self.sum += other.sum
        self.min, self.max = min(self.min, other.min), max(self.max, other.max)
        self.counts.update(other.counts)


@dataclass(frozen=True, slots=True)
class Tally:
    """What the ends of some jobs come to: how many ended in each state, and what they measured."""

    states: Counter[str] = field(default_factory=Counter)
    measures: dict[str, DDSketch] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Put the jobs of another tally to these."""
        self.states.update(other.states)
        for name, sketch in other.measures.items():
            self.measures.setdefault(name, DDSketch()).add(sketch)


def read_tally(fields: Mapping[bytes, bytes]) -> Tally:
    """Return what the hash of a day, tenant and kind holds."""
    tally = Tally()
    for raw, value in fields.items():
        name, _, bucket = raw.decode().partition(" ")
        if name.startswith("#"):
            tally.states[name[1:]] += int(value)
            if bucket:
                tally.measures.setdefault(RUN_SECONDS, DDSketch()).add(_alike(_value_of(bucket), int(value)))
            continue
        sketch = tally.measures.setdefault(name, DDSketch())
        if bucket:
            sketch.counts[_value_of(bucket)] += int(value)
        else:
            total, least, most = _SUMMARY.unpack(value)
            sketch.add(DDSketch(total, least, most))
    return tally


def _alike(value: float, count: int) -> DDSketch:
    """Return the sketch of a number that was measured so often."""
    return DDSketch(value * count, value, value, Counter({value: count}))


def _value_of(bucket: str) -> float:
    """Return what stands for a bucket, as far from its least as from its most in relation to them."""
    if bucket == "z":
        return 0.0
    size = 2 * GAMMA ** int(bucket[1:]) / (GAMMA + 1)
    return size if bucket[0] == "p" else -size

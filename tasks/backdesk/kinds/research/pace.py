"""How long a report will still take: the rounds that are left, by what such rounds have taken so far.

They are measured in this report, and in those of the tenant before it that were made in the same way. What was never
measured is not guessed: then nothing is told. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from pydantic import BaseModel

#: What is measured: a round of readings, the outline, a round of sections, and all from the check of citations on.
MEASURED = ("read", "outline", "write", "check")
#: Of each the newest are kept.
MOST_KEPT = 5


class Took(BaseModel):
    """Seconds that rounds have taken, by stage, the newest last."""

    seconds: dict[str, list[float]] = {}

    def add(self, stage: str, seconds: float) -> None:
        """Take in one more; of a stage that is not measured, none."""
        if stage in MEASURED and seconds >= 0:
            self.seconds[stage] = [*self.seconds.get(stage, []), round(seconds, 2)][-MOST_KEPT:]

    def usual(self, stage: str) -> float | None:
        """Return what one takes; None when none was measured."""
        known = self.seconds.get(stage)
        return median(known) if known else None

    def followed_by(self, newer: Took) -> Took:
        """Return these and newer ones, as far as they are kept."""
        both = Took(seconds=dict(self.seconds))
        for stage, seconds in newer.seconds.items():
            for each in seconds:
                both.add(stage, each)
        return both


def remaining_s(rounds: Mapping[str, int], here: Took, before: Took) -> float | None:
    """Return the seconds that so many rounds of each stage take; None when that of one is not known."""
    total = 0.0
    for stage, left in rounds.items():
        own = here.usual(stage)
        each = own if own is not None else before.usual(stage)
        if left and each is None:
            return None
        total += left * (each or 0.0)
    return total

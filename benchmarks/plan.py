"""How much a run measures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """Repetitions, and a divisor for the amounts: a quick run shows that everything works, not how fast it is."""

    repeat: int = 5
    divisor: int = 1

    def of(self, amount: int) -> int:
        """Return how much of an amount this run does."""
        return max(1, amount // self.divisor)

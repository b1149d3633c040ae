"""How good data must be: what `low`, `medium` and `high` mean."""

from __future__ import annotations

from dataclasses import dataclass

from backdesk.kinds.features.contract import Quality


@dataclass(frozen=True, slots=True)
class Threshold:
    """The least share of rows that are valid, and the most that a feature may lack of its values."""

    valid_share: float
    null_share: float

    def reason_against(self, valid_share: float, null_share: float, rows: int) -> str | None:
        """Return why data is not good enough; None when it is."""
        if not rows:
            return "no valid row is left"
        if valid_share < self.valid_share:
            return f"{valid_share:.2%} of the rows are valid, {self.valid_share:.0%} are asked for"
        if null_share > self.null_share:
            return f"a feature lacks {null_share:.2%} of its values, {self.null_share:.0%} are allowed"
        return None


THRESHOLDS: dict[Quality, Threshold] = {
    "low": Threshold(0.80, 0.20),
    "medium": Threshold(0.90, 0.10),
    "high": Threshold(0.97, 0.02),
}

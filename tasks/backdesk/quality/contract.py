"""What the review of an answer found, and what became of the answer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backdesk.platform.contract import Contract


class CheckOutcome(Contract):
    """What one check said of an answer."""

    name: str
    layer: str
    passed: bool
    reason: str | None = Field(None, description="What is to be mended; null when the check passed.")


class Review(Contract):
    """What a quality gate found in one draft of an answer; the scores are explained in docs/quality.md."""

    passed: bool
    overall: float = Field(description="0 to 1: the weighted scores.")
    sentiment: float = Field(description="-1 to 1: from hostile to warm.")
    professionalism: float = Field(description="0 to 1.")
    completeness: float = Field(description="0 to 1: whether it takes up what was asked.")
    accuracy: float = Field(description="0 to 1: the share of its facts that something supports.")
    checks: list[CheckOutcome]
    mend: str = Field("", description="What the model was told to mend; empty when the draft passed.")

    @property
    def failed(self) -> list[str]:
        """The names of the checks that did not pass."""
        return [check.name for check in self.checks if not check.passed]


class QualityReport(Contract):
    """How an answer came through the quality gate of its agent."""

    outcome: Literal["passed", "escalated", "fallback"] = Field(
        description="passed: the answer is the agent's. escalated: no draft passed, and a person will look at it. "
        "fallback: no draft passed, and the customer was asked to write again."
    )
    corrections: int = Field(description="How often the model was told to mend its answer.")
    review: Review = Field(description="Of the last draft.")

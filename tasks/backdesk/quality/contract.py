"""What the review of an answer found, and what became of the answer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from backdesk.platform.contract import Contract


def _has_alternatives(phrase: str) -> str:
    if not all(each.strip() for each in phrase.split("|")):
        raise ValueError("write a phrase, or several with bars between them, as in 'Kind regards|Yours'")
    return phrase


Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Phrase = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300), AfterValidator(_has_alternatives)
]


class QualityWishes(Contract):
    """What one request demands of its answer, besides what the gate of the agent does."""

    required_phrases: tuple[Phrase, ...] = Field(
        (), max_length=10, description="What the answer must say, word for word; alternatives have bars between them."
    )
    banned_words: tuple[Word, ...] = Field(
        (), max_length=100, description="Words and phrases that neither the answer nor a question may have."
    )
    threshold: float | None = Field(
        None, ge=0, le=1, description="The least overall score, in place of that of the agent's gate."
    )

    def told(self) -> list[str]:
        """Return what a model is told of it before it writes, a sentence each."""
        phrases = ", ".join(" or ".join(map(repr, each.split("|"))) for each in self.required_phrases)
        words = ", ".join(map(repr, self.banned_words))
        told = [f"The answer must say, word for word: {phrases}."] if phrases else []
        return [*told, f"Never write these words: {words}."] if words else told


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
    checks: list[CheckOutcome] = Field(description="Of all checks; in the result of a job, of those that did not pass.")
    judge: str | None = Field(None, description="The model that gave the scores; null when the formula did.")
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

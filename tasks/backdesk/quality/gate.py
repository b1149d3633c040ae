"""The gate itself: which checks an answer must pass, how good it must be, and how often it may be mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from backdesk.quality import scores
from backdesk.quality.appropriateness import BannedWords, NoIdentityNumbers, NoPaymentCards, NoSocialSecurityNumbers
from backdesk.quality.brand_voice import CalmTone, InCharacter, NoSlang
from backdesk.quality.check import Check
from backdesk.quality.citations import KnownCitations
from backdesk.quality.contract import CheckOutcome, QualityWishes, Review
from backdesk.quality.draft import Draft
from backdesk.quality.factual import SupportedFacts
from backdesk.quality.form import Length, RequiredPhrases, UnwantedWords, Whole
from backdesk.quality.legal import Disclaimers, NoPromises
from backdesk.quality.rubric import Verdict
from backdesk.quality.sentiment import sentiment

DEFAULT_CHECKS: tuple[Check, ...] = (
    Length(),
    Whole(),
    BannedWords(),
    NoSocialSecurityNumbers(),
    NoIdentityNumbers(),
    NoPaymentCards(),
    SupportedFacts(),
    KnownCitations(),
    CalmTone(),
    NoSlang(),
    InCharacter(),
    NoPromises(),
    Disclaimers(),
)
#: What of a gate holds for a note to a colleague: it may be short and name what an answer would have to disclaim.
_OF_NOTES = frozenset({"appropriateness", "factual"})
#: What is wrong when a score is low, in the order in which a tie is decided.
_ADVICE = {
    "completeness": "Take up what the customer asked: name the order or subject, answer every question.",
    "professionalism": "Write as to a customer: polite, calm, whole sentences, no slang.",
    "accuracy": "State only what the tools, the customer or your instructions say.",
    "sentiment": "Sound friendlier.",
}


@dataclass(frozen=True, slots=True)
class QualityGate:
    """What an agent's words must pass before a customer reads them.

    A draft passes with every check that reads its form, and an overall score from `threshold` on. The formula of the
    scores is one for answers: questions and structured answers are scored, and refused for it, by a judge alone.
    """

    checks: tuple[Check, ...] = DEFAULT_CHECKS
    threshold: float = 0.7
    #: How often the model may mend an answer, over all agents and attempts of a job; then `quality_failed`.
    most_corrections: int = 3
    #: What watchers see: an answer once it has passed, or every draft while it is written.
    shows: Literal["passed", "live"] = "passed"
    #: Whether answers may call done only what tools have done. Where a tool asks for consent, that is so in any case.
    #: An agent that reports what others did must leave it out.
    claims: bool = False
    #: The formula of completeness; `scores.echo` is the first one, which asks for words of the question.
    completeness: Callable[[Draft], float] = scores.completeness

    def __post_init__(self) -> None:
        """Raise ValueError for a threshold outside 0 to 1, corrections below 0, or two checks of one name."""
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold must be between 0 and 1, not {self.threshold!r}")
        if self.most_corrections < 0:
            raise ValueError(f"most_corrections must not be negative: {self.most_corrections!r}")
        names = [check.name for check in self.checks]
        if len(names) > len(set(names)):
            raise ValueError(f"two checks have one name: {', '.join(names)}")

    def review(self, draft: Draft) -> Review:
        """Return what is to be said of a draft. Pure; the same draft has the same review."""
        outcomes = [_outcome(check, draft) for check in self.checks if _reads(check, draft)]
        found = {
            "sentiment": round(sentiment(draft.text), 4),
            "professionalism": scores.professionalism(draft.text),
            "completeness": self.completeness(draft) if draft.form == "answer" else 1.0,
            "accuracy": scores.accuracy(draft),
        }
        overall = scores.overall(**found)
        faults = [each.reason for each in outcomes if each.reason]
        if draft.form == "answer" and overall < self.threshold:
            faults.append(_advice(found, overall, self.threshold))
        return Review(passed=not faults, overall=overall, checks=outcomes, mend=_listed(faults), **found)

    def judged(self, review: Review, verdict: Verdict, judge: str) -> Review:
        """Return the review of a draft that passed its checks with the scores that a judge gave. Pure."""
        overall = scores.overall(**verdict.scores())
        passed = overall >= self.threshold and verdict.acceptable
        mend = _listed([] if passed else [f"{_short_of(overall, self.threshold)} A reviewer says: {verdict.advice()}"])
        found = {**verdict.scores(), "passed": passed, "overall": overall, "judge": judge, "mend": mend}
        return review.model_copy(update=found)

    def wanting(self, wishes: QualityWishes) -> QualityGate:
        """Return the gate with what one request demands besides."""
        kept = [check for check in self.checks if not isinstance(check, (RequiredPhrases, UnwantedWords))]
        phrases = [each for check in self.checks if isinstance(check, RequiredPhrases) for each in check.phrases]
        words = [each for check in self.checks if isinstance(check, UnwantedWords) for each in check.words]
        demanded = RequiredPhrases((*phrases, *wishes.required_phrases)), UnwantedWords((*words, *wishes.banned_words))
        threshold = self.threshold if wishes.threshold is None else wishes.threshold
        return replace(self, checks=(*kept, *demanded), threshold=threshold)


#: For agents that may answer in a word or a sentence: the checks decide, only what is rude falls below the threshold.
BRIEF = QualityGate(checks=(Length(least=1), *DEFAULT_CHECKS[1:]), threshold=0.3, claims=True)


def gate_for(gate: QualityGate | None, wishes: QualityWishes | None) -> QualityGate | None:
    """Return what the words of an agent must pass for one request: without a gate, what the request itself demands."""
    if wishes is None:
        return gate
    return (gate or QualityGate(checks=(), threshold=0)).wanting(wishes)


def _reads(check: Check, draft: Draft) -> bool:
    return check.layer in _OF_NOTES if draft.form == "note" else draft.form in check.reads


def _listed(faults: list[str]) -> str:
    return "\n".join(f"- {fault}" for fault in faults)


def _outcome(check: Check, draft: Draft) -> CheckOutcome:
    fault = check.fault(draft)
    return CheckOutcome(name=check.name, layer=check.layer, passed=fault is None, reason=fault)


def _advice(found: dict[str, float], overall: float, threshold: float) -> str:
    weights = {"completeness": 0.3, "professionalism": 0.4, "accuracy": 0.1, "sentiment": 0.2}
    missing = {name: weights[name] * (1 - found[name]) for name in _ADVICE if name != "sentiment"}
    missing["sentiment"] = weights["sentiment"] * max(-found["sentiment"], 0)
    worst = [name for name in _ADVICE if missing[name] >= 0.05 or missing[name] == max(missing.values())]
    advice = " ".join(_ADVICE[name] for name in worst)
    return f"{_short_of(overall, threshold)} {advice}"


def _short_of(overall: float, threshold: float) -> str:
    return f"The answer is not good enough yet ({overall:.2f} of {threshold:.2f})."

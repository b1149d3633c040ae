"""The gate: all checks and a score decide, and the review says what to mend."""

from __future__ import annotations

import time

import pytest
from pydantic_core import from_json

from backdesk.quality import DEFAULT_CHECKS, Draft, QualityGate, scores
from backdesk.quality.appropriateness import BannedWords
from backdesk.quality.contract import Review
from backdesk.quality.form import Length
from tests.quality.test_scores import ASKED, EVIDENCE, GOOD


def test_a_good_answer_passes_every_check() -> None:
    review = QualityGate().review(Draft(GOOD, ASKED, EVIDENCE))
    assert review.passed
    assert (review.mend, review.failed) == ("", [])
    assert [check.name for check in review.checks] == [check.name for check in DEFAULT_CHECKS]
    assert review.overall == 0.9


def test_one_failed_check_refuses_a_draft_whatever_its_scores() -> None:
    review = QualityGate().review(Draft(f"{GOOD} Damn.", ASKED, EVIDENCE))
    assert review.overall > 0.7
    assert not review.passed
    assert review.failed == ["banned_words"]
    assert review.mend == '- Leave out "damn": such words are not used with customers.'


def test_everything_that_is_to_be_mended_is_said_at_once() -> None:
    review = QualityGate().review(Draft("yeah, we guarantee 99 EUR", ASKED, EVIDENCE))
    assert review.failed == ["supported_facts", "slang", "promises"]
    assert len(review.mend.splitlines()) == 4
    assert "of 0.70" in review.mend


def test_a_low_score_alone_refuses_a_draft_and_names_what_is_weak() -> None:
    review = QualityGate().review(Draft("Please look at our pages for news of the day.", ASKED, EVIDENCE))
    assert not review.passed
    assert review.failed == []
    assert "Take up what the customer asked" in review.mend
    assert "polite" not in review.mend


def test_the_threshold_decides() -> None:
    draft = Draft("Please look at our pages for news of the day.", ASKED, EVIDENCE)
    assert QualityGate(threshold=0.5).review(draft).passed


def test_a_gate_may_ask_for_echoed_words_as_the_first_formula_did() -> None:
    draft = Draft("It has arrived on 2 November 2026, as far as we can see.", "Where is my blue lamp?", EVIDENCE)
    assert QualityGate().review(draft).completeness == 1
    assert QualityGate(completeness=scores.echo).review(draft).completeness == 0


def test_a_review_goes_through_json_unchanged() -> None:
    review = QualityGate().review(Draft("Damn 99999.", ASKED))
    assert Review.model_validate(from_json(review.model_dump_json())) == review


def test_gates_of_equal_fields_are_one_key() -> None:
    assert len({QualityGate(), QualityGate(), QualityGate(checks=(Length(),)), QualityGate(checks=(Length(),))}) == 2


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"threshold": 1.5}, "threshold"),
        ({"most_corrections": -1}, "most_corrections"),
        ({"checks": (BannedWords(), BannedWords(("x",)))}, "banned_words"),
    ],
)
def test_a_gate_that_makes_no_sense_is_refused(fields: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        QualityGate(**fields)  # type: ignore[arg-type]  # the point of the test


def test_a_long_strange_answer_is_reviewed_quickly() -> None:
    for text in ("1,000 " * 3000, "a-1" * 5000, "AB " * 5000, "x.y " * 4000, "(" * 10_000, "2 may " * 3000):
        began = time.process_time()
        QualityGate().review(Draft(text, text[:10_000], (text,)))
        assert time.process_time() - began < 0.5

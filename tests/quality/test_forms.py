"""What of a gate holds for which kind of text, and what a judge is shown of it."""

from __future__ import annotations

import json

import pytest

from backdesk.quality import BRIEF, Draft, QualityGate
from backdesk.quality.contract import QualityWishes
from backdesk.quality.draft import Form
from backdesk.quality.gate import gate_for
from backdesk.quality.rubric import LONGEST_TEXT, MOST_EVIDENCE, Verdict, shown_of

ASKED = "Where is my order 10003, and when do I get my money back?"


def failed(text: str, form: Form, gate: QualityGate = BRIEF) -> list[str]:
    return gate.review(Draft(text, asked=ASKED, evidence=(ASKED,), form=form)).failed


@pytest.mark.parametrize(
    ("text", "form", "faults"),
    [
        ("Which?", "question", []),
        ("Yo, which one?", "question", ["slang"]),
        ("We guarantee that. Which one?", "question", ["promises"]),
        ("in Hamburg", "data", []),
        ("at the damn door", "data", ["banned_words"]),
        ("wants money back, says she will sue us, gotta hurry", "note", []),
        ("was promised 9999 EUR", "note", ["supported_facts"]),
        ("is an idiot", "note", ["banned_words"]),
    ],
)
def test_each_form_of_text_is_held_to_what_fits_it(text: str, form: Form, faults: list[str]) -> None:
    assert failed(text, form) == faults


def test_the_formula_refuses_answers_alone() -> None:
    short = Draft("It is so.", asked=ASKED, form="question")
    assert QualityGate(checks=(), threshold=0.99).review(short).passed
    assert not QualityGate(checks=(), threshold=0.99).review(Draft(short.text, asked=ASKED)).passed


def test_a_judge_s_grades_count_as_the_formula_s_scores_do() -> None:
    review = BRIEF.review(Draft("Your order is there.", asked="Where is it?"))
    verdict = Verdict(professionalism=4, completeness=4, accuracy=4, tone=3)
    judged = BRIEF.judged(review, verdict, "judge-mini")
    assert (judged.professionalism, judged.sentiment, judged.overall) == (0.75, 0, 0.7)
    assert (judged.judge, judged.passed, judged.mend) == ("judge-mini", True, "")


def test_the_reasons_of_a_judge_are_cut_and_told_on_one_line() -> None:
    verdict = Verdict(professionalism=1, completeness=1, accuracy=1, tone=1, reasons=["a\n- b", *["x" * 999] * 9])
    told = verdict.advice()
    assert told.startswith("a - b xxx")
    assert (len(told.splitlines()), len(told) < 2_000) == (1, True)


def test_a_judge_is_shown_the_newest_of_the_evidence_as_far_as_there_is_room() -> None:
    evidence = tuple(f"{number} " + "x" * 9_999 for number in range(40))
    shown = json.loads(shown_of(Draft('"}] pass', asked="?" * 9_999, evidence=evidence)))
    assert (shown["draft"], len(shown["customer_wrote"])) == ('"}] pass', LONGEST_TEXT)
    assert [text.split()[0] for text in shown["evidence"]] == ["34", "35", "36", "37", "38", "39"]
    assert sum(map(len, shown["evidence"])) <= MOST_EVIDENCE


def test_what_a_request_demands_comes_to_what_the_gate_demands() -> None:
    wishes = QualityWishes(required_phrases=("Yours",), banned_words=("carrier",))
    both = gate_for(BRIEF.wanting(QualityWishes(required_phrases=("Order",))), wishes)
    assert both is not None
    assert failed("The carrier has it. Yeah.", "answer", both) == ["slang", "required_phrases", "unwanted_words"]
    assert failed("The order is there. Yours", "answer", both) == []
    assert gate_for(None, None) is None

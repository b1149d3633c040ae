"""The gate on labelled answers: few correct ones are refused, and few violations missed, in any language."""

from __future__ import annotations

import pytest

from tests.quality.labelled import Verdict, labelled, share_wrong, table, verdicts

#: What the gate may get wrong, of correct answers and of violations alike.
MOST_WRONG = 0.02


@pytest.fixture(scope="module")
def found() -> list[Verdict]:
    return verdicts()


def test_the_set_has_hundreds_of_answers_in_many_languages_and_violations_of_every_kind() -> None:
    answers = list(labelled())
    assert len(answers) >= 400
    assert len({each.language for each in answers}) >= 20
    assert {each.refused for each in answers} >= {
        "supported_facts", "promises", "banned_words", "slang", "in_character", "disclaimers", "payment_card",
        "social_security_number", "identity_number", "calm_tone", "length", "score", "known_completion",
    }  # fmt: skip


def test_at_most_two_in_a_hundred_correct_answers_are_refused(found: list[Verdict]) -> None:
    correct = [each for each in found if each.answer.refused is None]
    assert share_wrong(correct) <= MOST_WRONG, table(found)


def test_at_most_two_in_a_hundred_violations_are_missed(found: list[Verdict]) -> None:
    violations = [each for each in found if each.answer.refused is not None]
    assert share_wrong(violations) <= MOST_WRONG, table(found)


def test_violations_are_refused_by_the_check_that_they_violate(found: list[Verdict]) -> None:
    refused = [each for each in found if each.answer.refused and not each.review.passed]
    assert sum(each.by_its_check for each in refused) / len(refused) >= 1 - MOST_WRONG


def test_the_language_of_an_answer_is_told(found: list[Verdict]) -> None:
    told = [each.answer.draft.language == each.answer.language for each in found]
    assert told.count(False) / len(told) <= MOST_WRONG

"""Scores: good answers are high, bad ones low, and each formula is what its docstring says."""

from __future__ import annotations

import subprocess
import sys

import pytest

from backdesk.quality import Draft, QualityGate, scores
from backdesk.quality.form import Length
from backdesk.quality.sentiment import sentiment
from tests.support.workers import ROOT

ASKED = "Where is my order 10003? Can I have a refund?"
EVIDENCE = ('{"order_number":10003,"delivered_on":"2026-11-02","total_cents":4990,"refund_id":"R-10003"}', ASKED)
GOOD = (
    "Order 10003 was delivered on 2 November 2026. I have refunded 49.90 EUR; your refund number is R-10003. "
    "Thank you for your patience!"
)
ANSWERS = {
    "good": GOOD,
    "curt": "No. Not possible.",
    "shouting": "LOOK AT YOUR mail!!! Order 10003 was delivered. The refund is made.",
    "slang": "yeah dude, order 10003 is gonna be refunded, lol. The refund is on.",
    "off topic": "The weather is lovely today. Thank you very much for asking.",
    "broken off": "Order 10003 was delivered on 2 November 2026. The refund of",
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_good_answers_score_over_the_threshold_and_others_below(kind: str) -> None:
    review = QualityGate(checks=(Length(1),)).review(Draft(ANSWERS[kind], ASKED, EVIDENCE))
    assert review.passed == (review.overall >= 0.7) == (kind == "good"), review


def test_overall_weighs_the_four_scores() -> None:
    assert scores.overall(sentiment=1, professionalism=1, completeness=1, accuracy=1) == 1
    assert scores.overall(sentiment=0, professionalism=1, completeness=0.5, accuracy=0) == 0.65
    assert scores.overall(sentiment=-1, professionalism=0, completeness=0, accuracy=0) == 0


@pytest.mark.parametrize(
    ("text", "score"),
    [
        (GOOD, 1.0),
        ("Your refund has been made today. THIS IS NOW done!", 0.6),
        ("What a stupid idea, your refund has been made.", 0.6),
        ("Yeah, your refund has been made by us today.", 0.8),
        ("Great! Your refund has been made! It is on its way!", 0.8),
        ("Refund made today.", 0.75),
        ("Your refund has been made today. it is on its way.", 0.85),
        ("", 0.6),
        ("stupid dude lol WHAT IS THIS !!!!", 0.0),
    ],
)
def test_professionalism_is_one_less_what_is_out_of_place(text: str, score: float) -> None:
    assert scores.professionalism(text) == score


@pytest.mark.parametrize(
    ("asked", "answer", "score"),
    [
        ("Refund order 10003 and order 10004", "The refund for 10003 is made.", 0.75),
        ("Refund order 10003 and order 10004", "The refunds for 10003 and 10004 are made.", 1.0),
        ("Where is my blue lamp?", "Your lamp, the blue one, is here.", 1.0),
        ("Where is my blue lamp?", "The weather is fine.", 0.0),
        ("Where is my lamp? Is it blue? And why?", "The lamp is blue.", 0.3333),
        ("My lamp is blue.", "Your blue lamp is on the", 0.2),
        ("Thank you!", "You are welcome.", 1.0),
        ("Really?", "Yes, it is on its way.", 1.0),
        ("My card is 4111111111111111, is it safe in 2026?", "Your card is safe with us.", 1.0),
        ("Damn, where is my stupid lamp?", "Your lamp is on its way.", 1.0),
        ("R-10003", "Refund R-10003 is on its way.", 1.0),
    ],
)
def test_completeness_is_whether_the_question_is_taken_up(asked: str, answer: str, score: float) -> None:
    assert scores.completeness(Draft(answer, asked)) == score


@pytest.mark.parametrize(
    ("asked", "answer", "score"),
    [
        ("Wann kommt meine Lampe?", "Sie wurde am 2.11.2026 geliefert.", 1.0),
        ("¿Llega antes de Navidad?", "Eso lamentablemente no lo podemos asegurar, pero lo intentamos.", 1.0),
        ("返品したいのですが。", "かしこまりました。どのご注文でしょうか？", 1.0),
        ("Dziękuję", "Proszę bardzo, miłego dnia!", 1.0),
        ("Chcę zwrócić moją lampę", "Dziękujemy i pozdrawiamy Państwa serdecznie.", 0.4),
        ("I want my lamp back", "The weather is fine.", 0.0),
        ("注文10003と10004は？", "ご注文10003は発送済みです。", 0.75),
    ],
)
def test_what_was_asked_is_taken_up_by_a_fact_a_question_or_a_denial_in_any_language(
    asked: str, answer: str, score: float
) -> None:
    assert scores.completeness(Draft(answer, asked, EVIDENCE)) == score


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("It is here.", True),
        ("It is here (offline model)", True),
        ("See https://shop.example/returns", True),
        ("Do this:\n- open the lid\n- press the button", True),
        ("It is on its way \U0001f600", True),
        ("It is on the", False),
        ("It is here,", False),
        ("It is (as you said.", False),
    ],
)
def test_a_text_is_whole_when_it_ends_where_one_can(text: str, whole: bool) -> None:
    assert scores.is_whole(text) is whole


def test_accuracy_is_the_share_of_facts_that_something_supports() -> None:
    assert scores.accuracy(Draft("Order 10003, 10005, on 2026-11-02 and 2026-11-03.", evidence=EVIDENCE)) == 0.5
    assert scores.accuracy(Draft("It is on its way.")) == 1.0


def test_sentiment_goes_from_hostile_over_neutral_to_warm() -> None:
    assert sentiment("Your complaint is awful.") < 0
    assert sentiment("Bestellung 10003 wurde geliefert.") == 0
    assert sentiment("Thank you, we are very happy to help!") > 0


@pytest.mark.parametrize(
    ("text", "hostile"),
    [
        ("I apologise for the bad experience with your lamp and for the lack of help. What is wrong?", False),
        ("We are sorry about the terrible delay and about the awful noise.", False),
        ("Please accept our apologies for any bad service.", False),
        ("I am sorry for the delay and you are an awful customer.", True),
        ("I am sorry that you are an awful customer.", True),
        ("Sorry about your terrible manners.", True),
        ("I apologise for the delay. Your complaint is awful.", True),
        ("The bad experience with your lamp was horrible.", True),
        ("Could you tell me what is wrong with the lamp?", False),
        ("That is wrong and awful.", True),
    ],
)
def test_what_an_apology_is_for_makes_no_text_hostile_and_what_is_beside_it_does(text: str, hostile: bool) -> None:
    assert (sentiment(text) < -0.5) == hostile


def test_an_answer_may_name_what_it_apologises_for() -> None:
    answer = (
        "I apologise for the bad experience with your lamp and for the lack of help. Could you tell me what is wrong?"
    )
    assert QualityGate().review(Draft(answer, asked="Bad lamp 10003!")).passed
    hostile = answer.replace("I apologise for the", "It was a").replace("what is wrong", "the awful truth")
    assert not QualityGate().review(Draft(hostile, asked="Bad lamp 10003!")).passed


def test_the_library_of_sentiments_is_loaded_at_the_first_review_and_not_before() -> None:
    script = (
        "import sys; from backdesk.quality import QualityGate; from backdesk.quality.sentiment import load; "
        "loaded = lambda: {'textblob.en', 'nltk'} & set(sys.modules); print(*loaded(), 'then'); load(); print(*loaded())"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["then", "textblob.en"]


def test_the_sentiment_of_a_text_is_that_of_the_whole_library() -> None:
    texts = ["Thank you, we are very happy to help!", "This is not good.", "A terribly slow answer."]
    both = ", ".join(f"s({text!r}), T({text!r}).sentiment.polarity" for text in texts)
    script = f"from backdesk.quality.sentiment import sentiment as s; from textblob import TextBlob as T; print({both})"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    numbers = done.stdout.split()
    assert numbers[::2] == numbers[1::2]

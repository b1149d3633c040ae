"""What can be said aloud to a caller."""

from __future__ import annotations

import pytest

from backdesk.quality import Draft
from backdesk.quality.speech import SPEECH, FewSentences, PlainSpeech, SpeakableNumbers


@pytest.mark.parametrize(
    "text",
    [
        "Shall I book Wednesday, March 25, at 3:30 PM with Nora?",
        "You're all set: see you on Tuesday, March 31, at noon. Goodbye!",
        "It takes 30 minutes; Omar can call you then, or at 4 PM.",
        "Ça va, à demain.",
        "नमस्ते, कल मिलते हैं।",
        "The number is 1 0 0 0 3.",
        "That was in 2026.",
    ],
)
def test_plain_speech_passes(text: str) -> None:
    assert [check.fault(Draft(text)) for check in SPEECH] == [None, None, None]


def test_a_third_sentence_is_too_much() -> None:
    assert "not in 3" in (FewSentences().fault(Draft("Yes. It is free. Shall I book it?")) or "")
    assert FewSentences(most=3).fault(Draft("Yes. It is free. Shall I book it?")) is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Your **appointment** is booked.", "*"),
        ("# Booked", "#"),
        ("It costs 5 €.", "€"),
        ("Nora & Omar are free.", "&"),
        ("Booked 🎉", "🎉"),
        ("Nora (audio) is free.", "("),
        ("See http://shop.example/a for more.", "http://shop.example/a"),
        ("Write to ada@example.com then.", "ada@example.com"),
        ("- Nora", "lists"),
        ("We have:\n1. Nora", "lists"),
        ("a_b", "_"),
    ],
)
def test_what_is_written_rather_than_said_is_named(text: str, named: str) -> None:
    assert named in (PlainSpeech().fault(Draft(text)) or "")


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("On 2026-03-25 then.", "with the weekday"),
        ("On 25.03.2026 then.", "with the weekday"),
        ("On 3/25/26 then.", "with the weekday"),
        ("At 15:30 then.", "AM or PM"),
        ("At 3:30 then.", "AM or PM"),
        ("Your order is 10003.", "digit by digit"),
        ("Ticket T-000012 is open.", "digit by digit"),
        ("It costs 1,250 euros.", "digit by digit"),
    ],
)
def test_a_number_that_cannot_be_said_well_is_named_with_a_remedy(text: str, remedy: str) -> None:
    assert remedy in (SpeakableNumbers().fault(Draft(text)) or "")

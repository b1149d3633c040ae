"""The subject of a job tells people what it is about, and as little as possible of whom."""

from __future__ import annotations

import time
from typing import Any

import pytest
from pydantic_core import to_json

from backdesk.worker.text.subject import LONGEST, subject_of


@pytest.mark.parametrize(
    ("request_of_job", "subject"),
    [
        ({"customer_id": "c-17", "message": "Where is order 10003?"}, "Where is order 10003?"),
        ({"sku": "T-1"}, "T-1"),
        ({"n": 1, "list": [2, {"deep": "two words"}]}, "two words"),
        ({"n": 1}, ""),
        ("just words", "just words"),
        ({"text": "line\n  after line"}, "line after line"),
        ({"text": "I am a.b+c@mail.example.org, really"}, "I am [masked-email], really"),
        ({"text": "call (030) 901-820 or +49 171 1234567"}, "call ([masked-number] or [masked-number]"),
        ({"text": "my card 4111 1111 1111 1111 please"}, "my card [masked-card] please"),
        ({"text": "password: hunter2hunter2 ok"}, "password: [masked] ok"),
    ],
)
def test_the_first_text_of_several_words_is_told_masked(request_of_job: Any, subject: str) -> None:
    assert subject_of(to_json(request_of_job), cut=False) == subject


@pytest.mark.parametrize("sign", ["a", "a.", "a@", "+", "1 ", "1-"])
def test_a_text_that_is_made_to_be_slow_to_read_is_not(sign: str) -> None:
    began = time.process_time()
    subject_of(to_json({"text": sign * 50_000}), cut=False)
    assert time.process_time() - began < 10, "quadratic, it takes a minute"


def test_a_long_text_is_cut() -> None:
    subject = subject_of(to_json({"text": "word " * 100}), cut=False)
    assert len(subject) <= LONGEST
    assert subject.endswith("word…")


@pytest.mark.parametrize("at", range(1, 60))
def test_of_a_request_that_was_cut_no_half_of_what_is_masked_is_told(at: int) -> None:
    whole = to_json({"text": "üb er me@example.com 0171 2345678 end"})
    told = subject_of(whole[:at], cut=True)
    assert "me@" not in told
    assert "2345" not in told


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"no json"])
def test_what_cannot_be_read_has_no_subject(raw: bytes) -> None:
    assert not subject_of(raw, cut=False)

"""Passages: bounded, of one section each, cut where a text has its seams."""

from __future__ import annotations

from backdesk.service.knowledge.contract import Section
from backdesk.service.knowledge.passages import MOST_CHARS, passages_of


def texts(*paragraphs: str) -> list[str]:
    return [piece.text for piece in passages_of([Section(text="\n\n".join(paragraphs))])]


def test_what_fits_stays_together() -> None:
    assert texts("Hold the button.", "Choose Breeze.") == ["Hold the button.\n\nChoose Breeze."]


def test_each_section_has_passages_of_its_own() -> None:
    pieces = passages_of([Section(heading="On a phone", text="A"), Section(heading="On a laptop", text="B")])
    assert pieces == [("On a phone", "A"), ("On a laptop", "B")]


def test_a_long_text_is_cut_between_paragraphs_else_sentences_else_words_else_anywhere() -> None:
    paragraph, sentence = "p" * 700, f"{'s' * 500}."
    assert texts(paragraph, paragraph) == [paragraph, paragraph]
    assert texts(" ".join([sentence] * 4)) == [f"{sentence} {sentence}"] * 2
    assert texts(" ".join(["w" * 500] * 4)) == [f"{'w' * 500} {'w' * 500}"] * 2
    assert texts("字" * (2 * MOST_CHARS + 5)) == ["字" * MOST_CHARS] * 2 + ["字" * 5]


def test_nothing_is_lost() -> None:
    text = "\n\n".join(f"Step {number}. " + "Press it again and wait. " * (number % 70) for number in range(90))
    assert " ".join(texts(text)).split() == text.split()
    assert max(map(len, texts(text))) <= MOST_CHARS

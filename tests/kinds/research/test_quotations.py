"""Quotations are found where they stand, and nowhere else."""

from __future__ import annotations

import pytest

from backdesk.kinds.research import quotations
from backdesk.kinds.research.agents import NoteTaken
from backdesk.kinds.research.passages import Passage
from backdesk.kinds.research.quotations import place_of, quoted_in, says
from backdesk.kinds.research.reading import checked

TEXT = "First.\n\nAfter 6,200 full cycles the cabinets  still held\n80 percent — “of their first” capacity. Straße 12."


@pytest.mark.parametrize(
    "quote",
    [
        "After 6,200 full cycles the cabinets still held 80 percent",
        "after 6,200 FULL cycles",
        'held 80 percent - "of their first" capacity',
        "full cycles the cab\u00adinets still",
        "capacity. STRASSE 12",
    ],
)
def test_spaces_marks_and_capitals_may_differ(quote: str) -> None:
    place = place_of(quote, TEXT)
    assert place is not None
    assert says(TEXT[slice(*place)], quote)


@pytest.mark.parametrize(
    "quote",
    [
        "After 6,300 full cycles the cabinets",
        "After 6,200 cycles the cabinets still held",
        "After 6,200 full cycles … 80 percent",
        "cycles",
        "",
        "   ",
        "80 percent",
    ],
)
def test_other_words_and_too_few_of_them_stand_nowhere(quote: str) -> None:
    assert place_of(quote, TEXT) is None


def test_the_place_is_that_of_the_text_as_it_is_written() -> None:
    place = place_of("the cabinets still held 80 percent", TEXT)
    assert place is not None
    assert TEXT[slice(*place)] == "the cabinets  still held\n80 percent"


@pytest.mark.parametrize(
    ("sentence", "quoted"),
    [
        ("They said “no brinecell exploded” there.", ["no brinecell exploded"]),
        ('They said "no brinecell exploded" there.', ["no brinecell exploded"]),
        ("Sie sagten „keine Zelle brannte“ dort.", ["keine Zelle brannte"]),
        ("Ils disent « aucune cellule » ici.", [" aucune cellule "]),
        ("The “Courier” said so.", []),
    ],
)
def test_what_stands_in_quotation_marks_is_read_from_a_sentence(sentence: str, quoted: list[str]) -> None:
    assert quoted_in(sentence) == quoted


def test_each_passage_and_each_note_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read, plain = list[str](), quotations._plain

    def reading(text: str) -> tuple[str, list[int]]:
        read.append(text)
        return plain(text)

    monkeypatch.setattr(quotations, "_plain", reading)
    passages = [Passage(f"Passage {number} says what it says.", 100 * number) for number in range(20)]
    taken = [NoteTaken(topic="Cost", says="It costs.", quote=f"words of note {number} alone") for number in range(30)]
    assert checked(taken, passages, ["Cost"]) == ([], 30)
    assert len(read) == 20 + 30

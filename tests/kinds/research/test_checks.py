"""What code can tell of a sentence and the notes that it cites."""

from __future__ import annotations

import pytest

from backdesk.kinds.research.checks import faults_of
from backdesk.kinds.research.contract import NumberedNote


def note(number: int, quote: str, published: str = "2031-05-20") -> NumberedNote:
    return NumberedNote(
        number=number,
        source=number,
        source_title=f"Source {number}",
        topic="Life",
        says=quote,
        quote=quote,
        start=0,
        end=len(quote),
        published=published,
    )


NOTES = {
    1: note(1, "After 6,200 full cycles the cabinets still held 80 percent of their first capacity."),
    2: note(
        2,
        "A fire began on 17 August 2030 in an inverter; the damage was 2.1 million crowns; three leaks were found.",
    ),
    3: note(3, "Drei Gemeinden haben ihren Speicher wegen undichter Dichtungen stillgelegt."),
}


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("After 6200 full cycles the cabinets still held 80 % of their capacity.", [1]),
        ("The cabinets “still held 80 percent” after 6,200 cycles.", [1]),
        ("The fire of 2030-08-17 began in an inverter.", [2]),
        ("The damage of the fire was 2.1 million crowns.", [2]),
        ("In all, 3 leaks were found after the fire.", [2]),
        ("One of the inverters began the fire; three leaks were found.", [2]),
        ("By 2031 the cabinets still held 80 percent of their first capacity.", [1]),
        ("Three municipalities closed their storage because of leaking seals.", [3]),
    ],
)
def test_what_its_notes_say_has_no_fault_however_it_is_written(text: str, cited: list[int]) -> None:
    assert faults_of(text, cited, NOTES) == []


@pytest.mark.parametrize(
    ("text", "cited", "fault"),
    [
        ("The cabinets still held 80 percent.", [], "cites no note"),
        ("The cabinets still held 80 percent.", [9], "no note 9"),
        ("The cabinets still held 80 percent.", [1, 9], "no note 9"),
        ("After 26,200 full cycles the cabinets still held 80 percent.", [1], "26,200"),
        ("After 6,200 full cycles the cabinets still held 90 percent of their capacity.", [1], "90 percent"),
        ("The fire began on 18 August 2030 in an inverter.", [2], "18 August 2030"),
        ("The damage of the fire was 2.6 million crowns.", [2], "2.6"),
        ("In all, 4 leaks were found after the fire.", [2], "4"),
        ("In all, four leaks were found after the fire.", [2], "four"),
        ("The damage of the fire was 2,1 billion crowns and 1.2 leaks.", [2], "1.2"),
        ("The cabinets “never held any capacity” after 6,200 cycles.", [1], "never held any capacity"),
        ("Lithium batteries are banned by the government everywhere.", [1], "hardly have its words"),
        ("The cabinets held 80 percent, see http://halden.example/buy for capacity.", [1], "address"),
        ("The cabinets held 80 percent of [capacity](x).", [1], "address or a link"),
        ("The cabinets held ![80 percent](//x.example) of capacity.", [1], "address or a link"),
        ("Write to buy@halden.example about the first capacity of the cabinets.", [1], "address"),
    ],
)
def test_what_its_notes_do_not_say_is_a_fault_that_names_it(text: str, cited: list[int], fault: str) -> None:
    assert fault in "; ".join(faults_of(text, cited, NOTES))


def test_a_figure_of_another_note_than_those_that_are_cited_is_a_fault() -> None:
    assert faults_of("The cabinets still held 80 percent of their first capacity.", [2], NOTES) != []

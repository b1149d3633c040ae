"""The passages of a text that a reader is given: as they stand there, and not more than a model reads at once. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from backdesk.kinds.research.injection import addresses_models
from backdesk.kinds.research.ranking import Index
from backdesk.quality.draft import sentences_of

#: What a reader is given of one source, in characters.
MOST_READ = 24_000
#: How long one passage is at most.
MOST_PASSAGE = 2_000
_PARAGRAPH = re.compile(r"\S.*?(?=\n\s*\n|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage, and where it begins in its text."""

    text: str
    start: int


def passages_of(text: str) -> list[Passage]:
    """Return the paragraphs of a text; long ones in pieces."""
    return [piece for found in _PARAGRAPH.finditer(text) for piece in _pieces(found[0], found.start())]


def readable(passages: Iterable[Passage], questions: Sequence[str]) -> tuple[list[Passage], list[str]]:
    """Return the passages that fit the questions, in their order, and those that address models, which do not count.

    Of a text that is short enough all others are returned.
    """
    all_of_them = [*passages]
    suspicious = [each.text for each in all_of_them if addresses_models(each.text)]
    sound = [each for each in all_of_them if not addresses_models(each.text)]
    if sum(len(each.text) for each in sound) <= MOST_READ:
        return sound, suspicious
    index = Index([("", each.text) for each in sound])
    rankings = [index.ranked(question, least=1) for question in questions]
    taken: set[int] = set()
    room = MOST_READ
    for at in _in_turn(rankings):
        if at not in taken and len(sound[at].text) <= room:
            taken.add(at)
            room -= len(sound[at].text)
    return [sound[at] for at in sorted(taken)], suspicious


def sentences_in(passage: Passage) -> Iterator[str]:
    """Yield the sentences of a passage as they stand there."""
    yield from (each for each in sentences_of(" ".join(passage.text.split())) if each)


def _pieces(paragraph: str, start: int) -> Iterator[Passage]:
    while len(paragraph) > MOST_PASSAGE:
        cut = paragraph.rfind(". ", MOST_PASSAGE // 2, MOST_PASSAGE) + 1 or MOST_PASSAGE
        yield Passage(paragraph[:cut], start)
        paragraph, start = paragraph[cut:], start + cut
    if paragraph.strip():
        yield Passage(paragraph, start)


def _in_turn(rankings: Sequence[Sequence[int]]) -> Iterator[int]:
    for place in range(max(map(len, rankings), default=0)):
        yield from (ranking[place] for ranking in rankings if place < len(ranking))

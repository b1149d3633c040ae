"""Which matters a statement speaks of, by the most particular of the phrases that it has.

"Have ordered" is of what the shop did, unless "you have ordered"; "booked" is of an appointment, unless that is of a
payment. "The appointment and the payment are booked" is of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from backdesk.quality.check import spans_of
from backdesk.quality.vocabulary import APART

Span = tuple[int, int]
Phrases = Mapping[str, tuple[str, ...]]


class _Found(NamedTuple):
    """A phrase in a statement: where its parts stand, and its last part."""

    matter: str
    parts: int
    spans: list[Span]
    last: list[Span]

    def outweighs(self, parts: int, span: Span) -> bool:
        """Whether it stands where another does, and has more parts or else is longer."""
        return any(_overlap(span, each) and (self.parts, _length(each)) > (parts, _length(span)) for each in self.spans)


def matters_of(clause: str, joined: str, phrases: Phrases, instead: Phrases) -> list[str]:
    """Return the matters of phrases that a clause has, and of those that are meant instead where they outweigh them.

    `joined` is the clause with those that "and" joins to it, which may name what it is of.
    """
    found, meant = _found(clause, phrases), [each.matter for each in _found(clause, instead)]
    speaking = {*_speaking(clause, phrases, instead), *_speaking(joined, phrases, instead)}
    return list(dict.fromkeys([*(each.matter for each in found if each.matter in speaking), *meant]))


def _speaking(text: str, phrases: Phrases, instead: Phrases) -> Iterator[str]:
    """Yield the matters of phrases that nothing outweighs in a text."""
    meant = [*_found(text, instead)]
    for each in _found(text, phrases):
        if not all(any(other.outweighs(each.parts, span) for other in meant) for span in each.last):
            yield each.matter


def _found(text: str, phrases: Phrases) -> Iterator[_Found]:
    for matter, phrase in ((matter, each) for matter, several in phrases.items() for each in several):
        spans = [spans_of((part,), text) for part in phrase.split(APART)]
        if all(spans):
            yield _Found(matter, len(spans), [span for each in spans for span in each], spans[-1])


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _length(span: Span) -> int:
    return span[1] - span[0]

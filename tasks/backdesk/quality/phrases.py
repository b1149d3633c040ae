"""Which matters a statement speaks of, by the most particular of the phrases that it has.

"Have ordered" is of what the shop did, unless "you have ordered"; "booked" is of an appointment, unless that is of a
payment. "The appointment and the payment are booked" is of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile
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

    def is_outweighed(self, span: Span, meant: list[_Found]) -> bool:
        """Whether a phrase with more parts, or else a longer one, stands where this one does."""
        weight = (self.parts, _length(span))
        return any(_overlap(span, it) and (each.parts, _length(it)) > weight for each in meant for it in each.spans)


def matters_of(clause: str, joined: str, phrases: Phrases, instead: Phrases) -> list[str]:
    """Return the matters of phrases that a clause has, and of those that are meant instead where they outweigh them.

    `joined` is the clause with those that "and" joins to it, which may name what it is of.
    """
    found, meant = [*_found(clause, phrases)], [*_found(clause, instead)]
    speaking = _speaking(found, meant)
    if outweighed := {each.matter for each in found} - speaking:
        speaking |= outweighed & _speaking(_found(joined, phrases), [*_found(joined, instead)])
    return list(dict.fromkeys(each.matter for each in (*found, *meant) if each in meant or each.matter in speaking))


def _speaking(found: Iterable[_Found], meant: list[_Found]) -> set[str]:
    """Return the matters of phrases that nothing outweighs."""
    return {each.matter for each in found if not all(each.is_outweighed(span, meant) for span in each.last)}


def _found(text: str, phrases: Phrases) -> Iterator[_Found]:
    for matter, phrase in ((matter, each) for matter, several in phrases.items() for each in several):
        spans = [*takewhile(bool, (spans_of((part,), text) for part in reversed(phrase.split(APART))))]
        if len(spans) == phrase.count(APART) + 1:
            yield _Found(matter, len(spans), [span for each in spans for span in each], spans[0])


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _length(span: Span) -> int:
    return span[1] - span[0]

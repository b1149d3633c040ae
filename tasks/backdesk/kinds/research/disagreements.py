"""Notes of different sources that give different figures for what seems to be the same. Pure.

By words and units, not by meaning: it may see a disagreement where two things are told of, and miss one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import combinations, product

from backdesk.kinds.research.contract import NumberedNote
from backdesk.quality.figures import readings
from backdesk.service.knowledge.terms import asked_in

#: How many are told, at most.
MOST = 6
#: How much of the shorter note the other one has of words, and how many words that are at least.
LEAST_SHARED, LEAST_WORDS = 0.5, 3
#: How many times as large a figure of the same may be.
MOST_TIMES = 3
_FIGURE = re.compile(r"(\d[\d.,]*\d|\d)\s*([^\W\d_]+)")


def disagreements_in(notes: Sequence[NumberedNote]) -> list[tuple[NumberedNote, NumberedNote]]:
    """Return pairs of notes that may disagree, each source against another once for a topic."""
    found: dict[tuple[str, int, int], tuple[NumberedNote, NumberedNote]] = {}
    for one, other in _pairs(notes):
        if one.source != other.source and _differ(one.quote, other.quote):
            found.setdefault((one.topic, *sorted((one.source, other.source))), (one, other))  # type: ignore[arg-type]  # two
    return [*found.values()][:MOST]


def _pairs(notes: Sequence[NumberedNote]) -> Iterator[tuple[NumberedNote, NumberedNote]]:
    of_topic: dict[str, list[NumberedNote]] = defaultdict(list)
    for note in notes:
        of_topic[note.topic].append(note)
    for each in of_topic.values():
        yield from combinations(each, 2)


def _differ(one: str, other: str) -> bool:
    figures, others = _figures(one), _figures(other)
    return any(_apart(figures[unit], others[unit]) for unit in figures.keys() & others.keys()) and _alike(one, other)


def _apart(figures: set[str], others: set[str]) -> bool:
    """Whether figures are others, and not so far from them that they are of something else."""
    if not figures.isdisjoint(others):
        return False
    return any(max(pair) <= MOST_TIMES * min(pair) for pair in product(map(Decimal, figures), map(Decimal, others)))


def _figures(text: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for each in _FIGURE.finditer(text):
        found[each[2].casefold()] |= readings(each[1])
    return found


def _alike(one: str, other: str) -> bool:
    words, others = ([terms for word, terms in asked_in(text).items() if not word.isdigit()] for text in (one, other))
    if len(words) > len(others):
        words, others = others, words
    known = frozenset[str]().union(*others)
    shared = sum(not terms.isdisjoint(known) for terms in words)
    return shared >= LEAST_WORDS and shared >= LEAST_SHARED * len(words)

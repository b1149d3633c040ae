"""How well texts fit a question: Okapi BM25 over the terms of the knowledge base. Pure.

(Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009.)
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from backdesk.quality.language import language_of
from backdesk.service.knowledge.terms import asked_in, terms_of

_K1, _B = 1.2, 0.75
#: How much more a word of the title counts.
_TITLE = 3


class Index:
    """Texts with their titles, in memory: for hundreds of documents, or the passages of one."""

    def __init__(self, texts: Sequence[tuple[str, str]]) -> None:
        self._counts = [_counted(title, text) for title, text in texts]
        self._lengths = [counts.total() for counts in self._counts]
        self._average = sum(self._lengths) / len(self._lengths) if texts else 1.0

    def ranked(self, question: str, *, least: int = 2) -> list[int]:
        """Return the texts that fit a question, by number, the best first; one has `least` of its words, if so many."""
        asked = [(terms, self._rarity(terms)) for terms in asked_in(question).values()]
        scores = [self._score(asked, at, min(least, len(asked))) for at in range(len(self._counts))]
        return sorted((at for at, score in enumerate(scores) if score > 0), key=lambda at: (-scores[at], at))

    def _score(self, asked: Sequence[tuple[frozenset[str], float]], at: int, least: int) -> float:
        counts = self._counts[at]
        often = [(rarity, most) for terms, rarity in asked if (most := max(counts[term] for term in terms))]
        if len(often) < least:
            return 0.0
        norm = _K1 * (1 - _B + _B * self._lengths[at] / self._average)
        return sum(rarity * most * (_K1 + 1) / (most + norm) for rarity, most in often)

    def _rarity(self, terms: frozenset[str]) -> float:
        having = sum(any(counts[term] for term in terms) for counts in self._counts)
        return math.log(1 + (len(self._counts) - having + 0.5) / (having + 0.5))


def _counted(title: str, text: str) -> Counter[str]:
    counts = Counter(terms_of(text, language_of(text)))
    for term in terms_of(title, language_of(title) or language_of(text)):
        counts[term] += _TITLE
    return counts

"""What code can tell of a sentence and the notes that it cites: whether they are there, and whether they say so. Pure.

It compares figures, dates, quotations and words as they are written. It does not understand: a sentence that turns what
its source says into the opposite by the same words and figures passes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from backdesk.kinds.research.contract import NumberedNote
from backdesk.kinds.research.quotations import quoted_in, says
from backdesk.quality.calendar import calendar_of
from backdesk.quality.facts import facts_of, unsupported
from backdesk.quality.figures import readings
from backdesk.quality.language import language_of
from backdesk.quality.notation import plain
from backdesk.service.knowledge.terms import asked_in, terms_of

#: Of the telling words of a sentence, how many its notes must have.
LEAST_SHARED = 0.3
#: How many figures one fault names.
MOST_NAMED = 5
#: Counts in words up to this are everyday language: "one of them", "the two".
MOST_IDLE = 2
_NUMBER = re.compile(r"(?<![\w.,])\d(?:[\d.,]*\d)?")
_BARE = re.compile(r"-?[\d.]+")
_ADDRESS = re.compile(r"https?://|www\.|\b[\w.+-]+@[\w-]+\.\w+|!?\[[^\]]*\]\(", re.IGNORECASE)


def faults_of(text: str, cited: Sequence[int], notes: Mapping[int, NumberedNote]) -> list[str]:
    """Return what is wrong with a sentence, in words for whoever mends it; nothing when no fault was found."""
    if not cited:
        return ["it cites no note"]
    if unknown := [number for number in cited if number not in notes]:
        return [f"there is no note {number} for this section" for number in unknown]
    known = [notes[number] for number in dict.fromkeys(cited)]
    quotes = [each.quote for each in known]
    faults = [f"no quotation of its notes has the words “{each}”" for each in quoted_in(text) if not _has(quotes, each)]
    if missing := figures_beyond(text, [*quotes, *(each.published for each in known)]):
        faults.append(f"its notes do not say {', '.join(missing[:MOST_NAMED])}")
    if _ADDRESS.search(text) and not all(any(each[0] in quote for quote in quotes) for each in _ADDRESS.finditer(text)):
        faults.append("it has an address or a link that no note has")
    if not faults and shared(text, [*quotes, *(each.source_title for each in known)]) < LEAST_SHARED:
        faults.append("its notes hardly have its words: it says something else")
    return faults


def figures_beyond(text: str, evidence: Sequence[str]) -> list[str]:
    """Return the figures, dates and amounts of a text that the evidence does not have, small counts among them."""
    language = language_of(text)
    beyond = [each.shown for each in unsupported(text, evidence, languages=[language] if language else [])]
    left = plain(text)
    for fact in facts_of(text, language=language):
        if not any(_BARE.fullmatch(form) for form in fact.forms):  # a date or a time: its numbers are no figures
            left = left.replace(fact.shown, " ")
    told = {form for each in evidence for form in _figures_in(each, least=1)}
    strange = [written for written, forms in _figures(left, language, least=MOST_IDLE + 1) if not forms & told]
    return [*dict.fromkeys((*beyond, *(each for each in strange if not any(each in one for one in beyond))))]


def _figures_in(text: str, *, least: int) -> frozenset[str]:
    return frozenset[str]().union(*(forms for _, forms in _figures(plain(text), language_of(text), least=least)))


def _figures(text: str, language: str | None, *, least: int) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the numbers of a text as they are written, in digits or, from `least` on, in words, with what they are."""
    yield from ((found[0], readings(found[0])) for found in _NUMBER.finditer(text))
    words = calendar_of(language).numbers
    for word in re.findall(r"[^\W\d_]+", text.lower()):
        if (number := words.get(word, 0)) >= least:
            yield word, frozenset({str(number)})


def shared(text: str, evidence: Sequence[str]) -> float:
    """Return which part of the telling words of a text the evidence has; 1 where that cannot be told."""
    language, asked = language_of(text), asked_in(text)
    languages = {language_of(each) for each in evidence} - {None}
    if not asked or (language and languages and language not in languages):
        return 1.0
    known = {term for each in evidence for term in terms_of(each, language_of(each) or language)}
    return sum(not known.isdisjoint(terms) for terms in asked.values()) / len(asked)


def _has(quotes: Sequence[str], words: str) -> bool:
    return any(says(quote, words) for quote in quotes)

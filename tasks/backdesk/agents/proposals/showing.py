"""Whether an answer shows the customer what was proposed, with no other time, and what was done: all facts of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from backdesk.quality.check import Check, found_words
from backdesk.quality.draft import Draft, sentences_of
from backdesk.quality.facts import Fact, facts_of, unsupported
from backdesk.quality.language import language_of
from backdesk.quality.notation import plain
from backdesk.quality.scores import denies
from backdesk.quality.vocabulary import vocabulary_of

#: The fact of a turn whose answer shows a proposal: its number.
SHOWS = "shows_proposal"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT(\d\d:\d\d)\S*")
_CLOCK = re.compile(r"\d\d:\d\d")
#: Around the word by which a customer is to agree: „Ja“, « oui », 「はい」.
_QUOTES = re.compile(r"[\"\u201c-\u201f\u00ab\u00bb\u300c-\u300f]|(?<!\w)['\u2018]|['\u2018](?!\w)")
_QUESTION = re.compile(r"[?\u037e\uff1f\u061f\u055e]")


def hidden(statement: str, answer: str, today: date | None = None) -> list[str]:
    """Return what an answer leaves out of a statement, however written; all of one that has nothing to compare.

    With `today`, "tomorrow" is a date.
    """
    if not facts_of(statement):
        return [] if statement in answer else [statement]
    return [fact.shown for fact in unsupported(statement, [answer], today=today)]


def moments_of(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the times of day that the facts of a proposal have, by the clocks that they are given by."""
    found = (_MOMENT.fullmatch(each) for each in facts.values() if isinstance(each, str))
    return tuple(each[1] for each in found if each)


def other_times(statement: str, moments: Iterable[str], answer: str, today: date | None = None) -> list[str]:
    """Return the times of day that are in an answer and not among the moments of a proposal, else in its statement."""
    own = {*moments} or {clock for fact in facts_of(statement) for clock in _clocks(fact)}
    stated = ((fact, _clocks(fact)) for fact in facts_of(answer, today=today))
    return [fact.shown for fact, clocks in stated if own and clocks and not clocks & own]


def _clocks(fact: Fact) -> frozenset[str]:
    return frozenset(filter(_CLOCK.fullmatch, fact.forms))


def is_asked(statement: str, answer: str, today: date | None = None, *, moments: Iterable[str] = ()) -> bool:
    """Whether an answer puts a statement to the customer as a question, with all that it names and no other time."""
    return _asks(answer) and not hidden(statement, answer, today) and not other_times(statement, moments, answer, today)


def _asks(answer: str) -> bool:
    """Whether an answer asks anything but what else it could do."""
    language = language_of(answer)
    asking = (each for each in sentences_of(answer) if _is_asking(each, language))
    return any(facts_of(each) or not found_words(vocabulary_of(language).offers, plain(each)) for each in asking)


def _is_asking(sentence: str, language: str | None) -> bool:
    # Its mark is mostly written as a semicolon.
    greek = language == "el" and ";" in sentence
    unquoted = _QUOTES.sub("", plain(sentence))
    return greek or bool(_QUESTION.search(sentence) or found_words(vocabulary_of(language).asks, unquoted))


@dataclass(frozen=True, slots=True)
class ShowsProposal(Check):
    """The answer names all that the customer is asked to agree to, and no other time, and asks them."""

    statement: str
    moments: tuple[str, ...] = ()
    name = SHOWS
    layer = "factual"

    def fault(self, draft: Draft) -> str | None:
        if is_asked(self.statement, draft.text, draft.today, moments=self.moments):
            return None
        missing = hidden(self.statement, draft.text, draft.today)
        others = other_times(self.statement, self.moments, draft.text, draft.today)
        todo = [f"name {', '.join(missing)}"] if missing else []
        todo += [f"leave out another time ({', '.join(others)})"] if others else []
        named = " and ".join([*todo, "ask them"])
        return f"The customer must see what is proposed before they can agree: {named} this: {self.statement}"


def is_untold(done: str, answer: str, today: date | None = None) -> bool:
    """Whether an answer leaves out what was done, or denies it where there is nothing to compare."""
    return bool(hidden(done, answer, today)) if facts_of(done) else denies(answer, language_of(answer))


@dataclass(frozen=True, slots=True)
class TellsEffects(Check):
    """The answer denies nothing while it leaves out what was done; what it only leaves out is said after it."""

    done: tuple[str, ...]
    name = "tells_effects"
    layer = "factual"

    def fault(self, draft: Draft) -> str | None:
        untold = [each for each in self.done if is_untold(each, draft.text, draft.today)]
        if not untold or not denies(draft.text, draft.language):
            return None
        return f"This was done for the customer, and they must hear it: {' '.join(untold)}"

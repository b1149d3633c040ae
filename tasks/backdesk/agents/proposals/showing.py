"""Whether an answer shows the customer what was proposed, and what was done: every amount, number and time of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from backdesk.quality.check import Check, found_words
from backdesk.quality.draft import Draft
from backdesk.quality.facts import facts_of, unsupported
from backdesk.quality.language import language_of
from backdesk.quality.scores import denies
from backdesk.quality.vocabulary import vocabulary_of

#: The fact of a turn whose answer shows a proposal: its number.
SHOWS = "shows_proposal"
_QUESTION = re.compile(r"[?\u037e\uff1f\u061f\u055e]")


def hidden(statement: str, answer: str, today: date | None = None) -> list[str]:
    """Return what an answer leaves out of a statement, however written; all of one that has nothing to compare.

    With `today`, "tomorrow" is a date.
    """
    if not facts_of(statement):
        return [] if statement in answer else [statement]
    return [fact.shown for fact in unsupported(statement, [answer], today=today)]


def is_asked(statement: str, answer: str, today: date | None = None) -> bool:
    """Whether an answer puts a statement to the customer as a question, with all that it names."""
    return _asks(answer) and not hidden(statement, answer, today)


def _asks(answer: str) -> bool:
    language = language_of(answer)
    # Its mark is mostly written as a semicolon.
    greek = language == "el" and ";" in answer
    return greek or bool(_QUESTION.search(answer) or found_words(vocabulary_of(language).asks, answer))


@dataclass(frozen=True, slots=True)
class ShowsProposal(Check):
    """The answer names all that the customer is asked to agree to, and asks them."""

    statement: str
    name = SHOWS
    layer = "factual"

    def fault(self, draft: Draft) -> str | None:
        if is_asked(self.statement, draft.text, draft.today):
            return None
        missing = hidden(self.statement, draft.text, draft.today)
        named = f"Name {', '.join(missing)}, and ask" if missing else "Ask"
        return f"The customer must see what is proposed before they can agree. {named} them: {self.statement}"


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

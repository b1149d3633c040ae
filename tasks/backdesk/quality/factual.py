"""An answer states nothing that the agent cannot know."""

from __future__ import annotations

from dataclasses import dataclass

from backdesk.quality.check import Check, found_words
from backdesk.quality.draft import Draft, sentences_of
from backdesk.quality.facts import Fact, facts_of, on_closed_days, unsupported
from backdesk.quality.legal import DENIALS
from backdesk.quality.notation import plain
from backdesk.quality.vocabulary import vocabulary_of
from backdesk.worker.text.identity import hide
from backdesk.worker.text.masking import mask


@dataclass(frozen=True, slots=True)
class SupportedFacts(Check):
    """Every number, amount, id, date, time and span of days is from a tool, the customer or the instructions.

    Sums and differences that the model made itself are not: an answer gives figures as they were found. What a photo or
    a PDF says that the agent has seen cannot be told.
    """

    #: How many unsupported facts are named at most.
    names: int = 5
    name = "supported_facts"
    layer = "factual"

    def fault(self, draft: Draft) -> str | None:
        # What is said of a secret must not repeat it.
        text = hide(mask(plain(draft.text)))
        found = unsupported_in(text, draft) or self._closed(text, draft)
        if not found:
            return None
        named = ", ".join(fact.shown for fact in found[: self.names])
        return f"Leave out or correct what neither a tool, the customer nor your instructions have said: {named}."

    @staticmethod
    def _closed(text: str, draft: Draft) -> list[Fact]:
        if not any(form.startswith("weekday") for fact in facts_of(text, today=draft.today) for form in fact.forms):
            return []
        beside = tuple(each for each in draft.evidence if each != draft.asked)
        denials = (*DENIALS, *vocabulary_of(draft.language).denials)
        stated = (each for each in sentences_of(text) if not found_words(denials, each))
        closed = (on_closed_days(each, beside, language=draft.language, today=draft.today) for each in stated)
        return [fact for each in closed for fact in each]


def unsupported_in(text: str, draft: Draft) -> list[Fact]:
    """Return the facts of a draft's text that its evidence does not support; none where that cannot be told."""
    return [] if draft.unread else unsupported(text, draft.evidence, today=draft.today)

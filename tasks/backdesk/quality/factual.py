"""An answer states nothing that the agent cannot know."""

from __future__ import annotations

from dataclasses import dataclass, replace

from backdesk.quality.check import Check, found_words
from backdesk.quality.days import on_closed_days, on_other_days
from backdesk.quality.draft import Draft, sentences_of
from backdesk.quality.facts import Fact, Reading, read
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
        reading = read_of(text, draft)
        found = reading.unsupported or self._on_wrong_days(text, reading, draft)
        if not found:
            return None
        named = ", ".join(fact.shown for fact in found[: self.names])
        return f"Leave out or correct what neither a tool, the customer nor your instructions have said: {named}."

    @staticmethod
    def _on_wrong_days(text: str, reading: Reading, draft: Draft) -> list[Fact]:
        if not any(form.startswith("weekday") for fact in reading.stated for form in fact.forms):
            return []
        language, today = reading.language, draft.today
        beside = tuple(each for each in draft.evidence if each != draft.asked)
        moments = () if draft.unread else draft.evidence
        denials = (*DENIALS, *vocabulary_of(language).denials)
        stated = (each for each in sentences_of(text) if not found_words(denials, each))
        wrong = (
            on_closed_days(each, beside, language=language, today=today)
            or on_other_days(each, moments, language=language, today=today)
            for each in stated
        )
        return [fact for each in wrong for fact in each]


def read_of(text: str, draft: Draft) -> Reading:
    """Read a draft's text, or part of it, by its evidence; nothing is unsupported where that cannot be told."""
    found = read(text, draft.evidence, languages=draft.languages, today=draft.today)
    return replace(found, unsupported=()) if draft.unread else found

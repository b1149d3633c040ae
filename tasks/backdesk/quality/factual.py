"""An answer states nothing that the agent cannot know."""

from __future__ import annotations

from dataclasses import dataclass

from backdesk.quality.check import Check
from backdesk.quality.draft import Draft
from backdesk.quality.facts import unsupported
from backdesk.quality.identity import hide
from backdesk.quality.notation import plain
from backdesk.worker.text.masking import mask


@dataclass(frozen=True, slots=True)
class SupportedFacts(Check):
    """Every number, amount, id, date, time and span of days is from a tool, the customer or the instructions.

    Sums and differences that the model made itself are not: an answer gives figures as they were found.
    """

    #: How many unsupported facts are named at most.
    names: int = 5
    name = "supported_facts"
    layer = "factual"

    def fault(self, draft: Draft) -> str | None:
        # What is said of a secret must not repeat it.
        found = unsupported(hide(mask(plain(draft.text))), draft.evidence, today=draft.today)
        if not found:
            return None
        named = ", ".join(fact.shown for fact in found[: self.names])
        return f"Leave out or correct what neither a tool, the customer nor your instructions have said: {named}."

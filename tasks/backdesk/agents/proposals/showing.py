"""Whether an answer shows the customer what was proposed: every amount, number and time of it, however written."""

from __future__ import annotations

from dataclasses import dataclass

from backdesk.quality.check import Check
from backdesk.quality.draft import Draft
from backdesk.quality.facts import facts_of, unsupported

#: The fact of a turn whose answer shows a proposal: its number.
SHOWS = "shows_proposal"


def hidden(statement: str, answer: str) -> list[str]:
    """Return what an answer leaves out of a proposal; the whole of one that has nothing to compare."""
    if not facts_of(statement):
        return [] if statement in answer else [statement]
    return [fact.shown for fact in unsupported(statement, [answer])]


@dataclass(frozen=True, slots=True)
class ShowsProposal(Check):
    """The answer names all that the customer is asked to agree to."""

    statement: str
    name = SHOWS
    layer = "factual"

    def fault(self, draft: Draft) -> str | None:
        missing = hidden(self.statement, draft.text)
        if not missing:
            return None
        return (
            f"The customer must see what is proposed before they can agree. Name {', '.join(missing)}, and ask them: "
            f"{self.statement}"
        )

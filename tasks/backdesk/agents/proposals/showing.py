"""Whether an answer shows the customer what was proposed, and what was done: every amount, number and time of it."""

from __future__ import annotations

from dataclasses import dataclass

from backdesk.quality.check import Check
from backdesk.quality.draft import Draft
from backdesk.quality.facts import facts_of, unsupported
from backdesk.quality.language import language_of
from backdesk.quality.scores import denies

#: The fact of a turn whose answer shows a proposal: its number.
SHOWS = "shows_proposal"


def hidden(statement: str, answer: str) -> list[str]:
    """Return what an answer leaves out of a statement, however written; all of one that has nothing to compare."""
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


def is_untold(done: str, answer: str) -> bool:
    """Whether an answer leaves out what was done, or denies it where there is nothing to compare."""
    return bool(hidden(done, answer)) if facts_of(done) else denies(answer, language_of(answer))


@dataclass(frozen=True, slots=True)
class TellsEffects(Check):
    """The answer denies nothing while it leaves out what was done; what it only leaves out is said after it."""

    done: tuple[str, ...]
    name = "tells_effects"
    layer = "factual"

    def fault(self, draft: Draft) -> str | None:
        untold = [each for each in self.done if is_untold(each, draft.text)]
        if not untold or not denies(draft.text, draft.language):
            return None
        return f"This was done for the customer, and they must hear it: {' '.join(untold)}"

"""What a customer must agree to before a tool acts, and what the model hears of a call that was only proposed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backdesk.agents.outcome import ToolOutcome

#: What a model is told of every proposal.
NOTHING_DONE = (
    "Nothing is done yet. Tell the customer exactly what is proposed, with its amount, numbers and times, and ask "
    "whether they agree. It is carried out by itself once their next message says yes; do not call the tool again."
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a customer agrees to by a yes.

    `statement` is a question for the customer that names every amount, number and time of it. Terms with other `facts`,
    which are JSON, are another matter: a yes to the former ones does not count for it. `args` are the arguments of the
    call that carries it out, where they are not those of the model: its "tomorrow at five" as a moment, say.
    """

    statement: str
    facts: dict[str, Any]
    #: What it costs or pays back, in cents; a team may let small amounts pass.
    amount_cents: int | None = None
    args: dict[str, Any] | None = None


class Proposed(ToolOutcome):
    """Nothing is done: it was proposed, as the statement says."""

    number: str
    proposed: str
    facts: dict[str, Any]
    expires_at: datetime
    #: What was proposed before, and is not any more.
    replaces: str | None = None
    note: str = NOTHING_DONE

    def summary(self) -> str:
        return f"proposed as {self.number}: {self.proposed}"

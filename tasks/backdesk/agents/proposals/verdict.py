"""What a message of the customer means for what was proposed to them."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Verdict(StrEnum):
    """What the customer wants of a proposal."""

    CONFIRM = "confirm"
    CHANGE = "change"
    DECLINE = "decline"
    OTHER = "other"


class Judgement(BaseModel):
    """Say what the message means for the proposal."""

    verdict: Verdict = Field(
        description="confirm: a yes to exactly what is proposed, without any condition. change: they want it, but "
        "something about it otherwise. decline: they do not want it. other: anything else, or not certain."
    )


class Agreement(BaseModel):
    """What is kept of a proposal: the call that carries it out, and what was shown of it."""

    model_config = ConfigDict(frozen=True)

    number: str
    team: str | None = None
    agent: str
    tool: str
    args: dict[str, Any]
    statement: str
    facts: dict[str, Any]


class Heard(BaseModel):
    """An open proposal, and what the message at hand says about it."""

    model_config = ConfigDict(frozen=True)

    verdict: Verdict
    proposal: Agreement

    @property
    def agreed(self) -> Agreement | None:
        """What is to be carried out now."""
        return self.proposal if self.verdict is Verdict.CONFIRM else None

    def briefing(self) -> str:
        """Tell an agent of it."""
        told = _TOLD[self.verdict].format(tool=self.proposal.tool, agent=self.proposal.agent)
        return f"{told} {json.dumps(self.proposal.statement, ensure_ascii=False)}"


#: How an agent is told of a no, for rules that stand in for a model.
DECLINED = "Declined by the customer"
_OPEN = (
    "Proposed before, and not confirmed by the customer's message: nothing is done. If it is to be proposed again, "
    "{tool} must be called again, by {agent}; whoever has no such tool hands over:"
)
_TOLD = {
    Verdict.CONFIRM: "Confirmed by the customer, and called for: tell what came of it, with its numbers and amounts.",
    Verdict.DECLINE: f"{DECLINED}; it is closed, and nothing was done:",
    Verdict.CHANGE: _OPEN,
    Verdict.OTHER: _OPEN,
}

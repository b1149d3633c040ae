"""What people at the service desk ask of it, and what they see. Imports pydantic alone, for clients."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from backdesk.platform.contract import Contract, Message, Priority, Reference

#: The kind of job that does what people do with cases.
DESK = "service.desk"
Act = Literal["list", "show", "take", "reply", "note", "hand_back", "close", "rate", "escalate_overdue"]
#: Where a case stands.
CaseState = Literal["open", "taken", "closed"]
#: What was done with a case.
Deed = Literal["opened", "taken", "replied", "noted", "handed_back", "closed", "rated", "overdue"]
Colleague = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]

#: What each act needs besides itself, of the fields of a request.
_NEEDS: dict[Act, tuple[str, ...]] = {
    "show": ("case",),
    "take": ("case", "by"),
    "reply": ("case", "by", "text"),
    "note": ("case", "by", "text"),
    "hand_back": ("case", "by"),
    "close": ("case", "by"),
    "rate": ("case", "score"),
}


class DeskRequest(Contract):
    """One thing that a person does at the service desk of their tenant."""

    act: Act
    case: Reference | None = Field(None, description="As `list` names it, such as E-000012.")
    by: Colleague | None = Field(None, description="Who does it.")
    text: Message | None = Field(None, description="What is replied or noted; on hand_back and close, a note.")
    score: int | None = Field(None, ge=1, le=5, description="How content the customer is, 5 the most.")
    counted: bool = Field(
        False, description="Of `rate`: the job of the message that has the score counts it in statistics."
    )
    state: CaseState | None = Field(None, description="Of `list`: only these; all that are not closed when left out.")
    holder: Colleague | None = Field(None, description="Of `list`: only what this colleague has taken.")
    limit: int = Field(50, ge=1, le=500, description="Of `list`: how many at most.")
    conversation_id: Reference | None = Field(
        None, description="The conversation of the case, in whose turn it is done; clients fill it in."
    )

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        if missing := [name for name in _NEEDS.get(self.act, ()) if getattr(self, name) is None]:
            raise ValueError(f"{self.act} needs {' and '.join(missing)}")
        return self


class Case(Contract):
    """A matter for a person. Times are in UTC; `due_at` is what the customer was promised.

    `answered_at` is when a person has replied first.
    """

    case: str
    state: CaseState
    priority: Priority
    subject: str
    customer_id: str | None
    conversation_id: str
    holder: str | None = None
    opened_at: datetime
    due_at: datetime
    answered_at: datetime | None = None
    closed_at: datetime | None = None
    overdue: bool = False
    score: int | None = None


class CaseEntry(Contract):
    """Something that was done with a case."""

    at: datetime
    by: str
    deed: Deed
    text: str = ""


class DeskResult(Contract):
    """What an act came to: the case as it is now, or the cases that fit, the most urgent first."""

    cases: list[Case]
    details: str = Field("", description="What the agents wrote down for whoever takes the case.")
    entries: list[CaseEntry] = Field(default_factory=list, description="What was done with it, the oldest first.")

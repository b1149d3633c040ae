"""What callers send to the jobs of this deployment and get back from them.

Imports pydantic alone, so that a producer can check a request, and knows its queue, without loading a task
body.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Message = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000)]
#: An id of the caller's own making: anything printable.
Reference = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x20\x7f][^\x00-\x1f\x7f]{0,127}$")]
Priority = Literal["low", "normal", "high", "urgent"]


class Contract(BaseModel):
    """A request or a result: frozen, and a field that it does not know is an error, not a silent loss."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelUsage(Contract):
    """What one job asked of the model."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    tool_calls: int = 0
    cost_usd: float | None = Field(None, description="In US dollars; null when a price is not known.")


class RefundMade(Contract):
    """Money that went back to the customer."""

    type: Literal["refund"] = "refund"
    refund_id: str
    order_number: int
    amount_cents: int
    currency: str


class TicketOpened(Contract):
    """A ticket that waits for a person."""

    type: Literal["ticket"] = "ticket"
    ticket_id: str
    priority: Priority
    subject: str


Action = Annotated[RefundMade | TicketOpened, Field(discriminator="type")]


class SupportRequest(Contract):
    """A customer's message, for the kind `support.request`."""

    message: Message
    customer_id: Reference | None = Field(
        None,
        description="With it, the agents see and refund only this customer's orders; else everybody's.",
    )
    conversation_id: Reference | None = Field(
        None, description="Send it again to continue a conversation, such as to answer a clarifying question."
    )


class SupportResult(Contract):
    """The answer to a customer's message.

    When `clarifying` is true, `answer` is a question: send what the customer replies as a new request with
    the same `conversation_id`. `actions` holds only what was really done.
    """

    answer: str
    agent: str = Field(description="The agent that answered.")
    path: list[str] = Field(description="The agents in the order in which they worked; the last one answered.")
    actions: list[Action] = []
    clarifying: bool = False
    conversation_id: str = Field(description="The job's own id when the request named no conversation.")
    usage: ModelUsage
    model: str
    offline: bool = Field(description="Whether a rule-based stand-in answered because no model is configured.")


DiscrepancyKind = Literal[
    "missing_payment",
    "duplicate_payment",
    "wrong_payment",
    "missing_fee",
    "wrong_fee",
    "missing_refund",
    "unrecorded_refund",
    "wrong_refund",
    "unknown_order",
]


class Discrepancy(Contract):
    """One thing on which the ledger and the orders do not agree."""

    order_number: int
    kind: DiscrepancyKind
    expected_cents: int
    found_cents: int


class LedgerAuditRequest(Contract):
    """Which part of the ledger to reconcile, for the kind `orders.audit`, and how gently."""

    since: date | None = Field(None, description="Only orders placed on this day or later; all when left out.")
    orders_per_chunk: int = Field(100, ge=1, le=10_000, description="Orders read in one transaction.")
    pause_ms_per_chunk: int = Field(
        0, ge=0, le=60_000, description="Rest between chunks, to go easy on a database that others use."
    )
    max_listed: int = Field(100, ge=0, le=1_000, description="Discrepancies listed in the result; all are counted.")


class LedgerAuditResult(Contract):
    """What the audit of the ledger found."""

    ledger_rows: int
    orders_checked: int
    discrepancies: list[Discrepancy]
    discrepancies_total: int
    payments_cents: int
    refunds_cents: int
    fees_cents: int
    elapsed_seconds: float


class KindModels(NamedTuple):
    """Where jobs of a kind run, and what goes in and comes out."""

    queue: str
    request: type[BaseModel]
    result: type[BaseModel]


#: Every kind of this deployment. A test holds it equal to what the task modules register.
KINDS: dict[str, KindModels] = {
    "support.request": KindModels("agents", SupportRequest, SupportResult),
    "orders.audit": KindModels("tools", LedgerAuditRequest, LedgerAuditResult),
}

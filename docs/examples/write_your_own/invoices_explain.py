"""The kind `invoices.explain`: a clerk explains invoices, and hands over to accounts what has to be credited."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from backdesk.agents import (
    Action,
    Agent,
    AgentRequest,
    AgentResult,
    Call,
    Consent,
    Desk,
    Refusal,
    Reply,
    Say,
    Situation,
    Team,
    ToolOutcome,
    agent_task,
    answer,
    hand_over,
    tool,
)
from backdesk.worker import TaskContext
from pydantic import Field

#: What the bookkeeping of a real shop holds: what was charged for, and credit notes by the key that asked for each.
INVOICES = {"INV-7": {"Kettle": 4_900, "Express delivery": 900}, "INV-8": {"Espresso machine": 64_900}}
CREDITS: dict[str, str] = {}


Number = Annotated[str, Field(pattern="^INV-[0-9]+$", description="The number of the invoice, such as INV-7.")]


class Invoice(ToolOutcome):
    """An invoice as the agents see it."""

    number: str
    cents: dict[str, int]


@tool("pure")
async def look_up_invoice(desk: Desk, number: Number) -> Invoice | Refusal:
    """Look up what an invoice charges for."""
    if number not in INVOICES:
        return Refusal(refused=f"There is no invoice {number}.")
    return Invoice(number=number, cents=INVOICES[number])


class InvoiceCredited(Action):
    """A credit note was written."""

    type: Literal["credit"] = "credit"
    note: str
    cents: int


class Credit(ToolOutcome):
    """A credit note as the agents see it."""

    note: str
    cents: int

    def summary(self) -> str:
        return f"credit note {self.note} of {self.cents / 100:.2f} EUR"

    def action(self) -> InvoiceCredited:
        return InvoiceCredited(note=self.note, cents=self.cents)


async def consent_to_credit(desk: Desk, number: str, cents: int) -> Consent | None:
    """Ask a colleague about more than 50 euros."""
    if cents <= 5_000:
        return None
    return Consent(f"Credit {cents / 100:.2f} EUR on {number}?", {"invoice": number, "cents": cents})


@tool("idempotent", consent=consent_to_credit)
async def credit_invoice(desk: Desk, number: Number, cents: int) -> Credit | Refusal:
    """Write a credit note for an invoice."""
    if number not in INVOICES:
        return Refusal(refused=f"There is no invoice {number}.")
    note = CREDITS.setdefault(desk.key(f"credit/{number}"), f"CN-{len(CREDITS) + 1}")
    return Credit(note=note, cents=cents)


CLERK = Agent(
    "clerk",
    "You explain invoices. Hand over to accounts when something was charged that should not have been.",
    tools=(look_up_invoice,),
    hands_to=("accounts",),
    duty="Looking at the invoice",
)
ACCOUNTS = Agent(
    "accounts",
    "You credit what was charged wrongly, once, and report the credit note. Never promise more than that.",
    tools=(look_up_invoice, credit_invoice),
    duty="Correcting the invoice",
)


def rules(now: Situation) -> Reply:
    """Decide in place of a model where none is configured."""
    found = now.replies_of("look_up_invoice")
    if not found:
        numbers = re.findall(r"INV-\d+", now.message)
        return (Call("look_up_invoice", {"number": numbers[0]}),) if numbers else Say("Which invoice is it about?")
    if not found[0].succeeded:
        return Say(found[0].problem)
    charged = found[0].data["cents"]
    if "wrong" not in now.message:
        return Say("You were charged for: " + ", ".join(charged))
    if "credit_invoice" not in now.tools:
        return hand_over("accounts", "The customer was charged wrongly.")
    credited = now.replies_of("credit_invoice")
    if not credited:
        return (Call("credit_invoice", {"number": found[0].data["number"], "cents": sum(charged.values())}),)
    return Say(f"It is credited by {credited[0].data['note']}." if credited[0].succeeded else credited[0].problem)


TEAM = Team("invoices", (CLERK, ACCOUNTS), rules=rules)


@agent_task("invoices.explain")
async def invoices_explain(ctx: TaskContext, request: AgentRequest) -> AgentResult:
    """Explain an invoice, and correct it."""
    return await answer(ctx, TEAM, request)

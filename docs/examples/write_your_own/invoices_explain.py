"""The kind `invoices.explain`: a clerk explains invoices, and hands over to accounts what has to be credited."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field
from backdesk.agents.card import HAND_OVER, AgentCard
from backdesk.agents.exchange import answer
from backdesk.agents.kind import agent_task
from backdesk.agents.situation import Call, Reply, Say, Situation
from backdesk.agents.team import Team
from backdesk.agents.contract import AgentRequest, AgentResult
from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome, euros
from backdesk.agents.tools import Consent, desk_tool
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.ledger import Effect

#: What the bookkeeping of a real shop holds: what was charged for, and credit notes by the key that asked for each.
INVOICES = {"INV-7": {"Kettle": 4_900, "Express delivery": 900}, "INV-8": {"Espresso machine": 64_900}}
CREDITS: dict[str, str] = {}


class InvoicesExplainRequest(AgentRequest):
    """A question about an invoice."""


class InvoicesExplainResult(AgentResult):
    """The answer to it."""


Number = Annotated[str, Field(pattern="^INV-[0-9]+$", description="The number of the invoice, such as INV-7.")]


class Invoice(ToolOutcome):
    """An invoice as the agents see it."""

    number: str
    cents: dict[str, int]

    def summary(self) -> str:
        return f"{self.number}: {euros(sum(self.cents.values()), 'EUR')}"


@desk_tool(Effect.PURE)
async def look_up_invoice(desk: Desk, number: Number) -> Invoice | Refusal:
    """Look up what an invoice charges for."""
    if number not in INVOICES:
        return Refusal(refused=f"There is no invoice {number}.")
    return Invoice(number=number, cents=INVOICES[number])


class Credit(ToolOutcome):
    """A credit note that was written."""

    note: str
    cents: int

    def summary(self) -> str:
        return f"credit note {self.note}: {euros(self.cents, 'EUR')}"


async def consent_to_credit(desk: Desk, number: str, cents: int) -> Consent | None:
    """Ask a colleague about more than 50 euros."""
    if cents <= 5_000:
        return None
    return Consent(f"Credit {euros(cents, 'EUR')} on {number}?", {"invoice": number, "cents": cents})


@desk_tool(Effect.IDEMPOTENT, consent=consent_to_credit)
async def credit_invoice(desk: Desk, number: Number, cents: int) -> Credit | Refusal:
    """Write a credit note for an invoice."""
    if number not in INVOICES:
        return Refusal(refused=f"There is no invoice {number}.")
    note = CREDITS.setdefault(desk.key(f"credit/{number}"), f"CN-{len(CREDITS) + 1}")
    return Credit(note=note, cents=cents)


CLERK = AgentCard(
    "clerk",
    duty="Looking at the invoice",
    tools=(look_up_invoice,),
    hands_to=("accounts",),
    instructions="You explain invoices. Hand over to accounts when something was charged that should not have been.",
)
ACCOUNTS = AgentCard(
    "accounts",
    duty="Correcting the invoice",
    tools=(look_up_invoice, credit_invoice),
    instructions="You credit what was charged wrongly, once, and report the credit note. Never promise more than that.",
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
        return (Call(HAND_OVER, {"to": "accounts", "reason": "The customer was charged wrongly."}),)
    credited = now.replies_of("credit_invoice")
    if not credited:
        return (Call("credit_invoice", {"number": found[0].data["number"], "cents": sum(charged.values())}),)
    return Say(f"It is credited by {credited[0].data['note']}." if credited[0].succeeded else credited[0].problem)


TEAM = Team("invoices", (CLERK, ACCOUNTS), rules=rules)


@agent_task("invoices.explain")
async def invoices_explain(ctx: TaskContext, request: InvoicesExplainRequest) -> InvoicesExplainResult:
    """Explain an invoice, and correct it."""
    exchange = await answer(ctx, TEAM, request)
    return exchange.result(InvoicesExplainResult)

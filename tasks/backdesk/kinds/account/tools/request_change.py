"""Ask a colleague for what only a person may do to an account. It becomes the job's one ticket."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal
from backdesk.agents.tools import tool
from backdesk.kinds.account.tools import not_signed_in
from backdesk.service.tickets import TicketReceipt, open_ticket
from backdesk.worker.attempt.ledger import Effect

Matter = Annotated[
    Literal["password_reset", "email_change", "account_closure", "other"],
    Field(description="What it is about. The link for a password reset goes to the address of the account."),
]
Wish = Annotated[str, Field(description="What the customer wants, for a colleague who has not read the conversation.")]

_SUBJECTS = {
    "password_reset": "Send the link for a password reset",
    "email_change": "Change the e-mail address of an account",
    "account_closure": "Close an account",
    "other": "Request about an account",
}


@tool(Effect.IDEMPOTENT, harmless=True)
async def request_change(desk: Desk, matter: Matter, details: Wish) -> TicketReceipt | Refusal:
    """Have a colleague reset the password, change the e-mail address, close the account, or do something else."""
    if refused := not_signed_in(desk):
        return refused
    known = desk.context
    facts = f"{details}\n\nSigned in: {known.name} ({known.user_id}, {known.tier})"
    return await open_ticket(desk, _SUBJECTS[matter], facts, "high" if matter == "password_reset" else "normal")

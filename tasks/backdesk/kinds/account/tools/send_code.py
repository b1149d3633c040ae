"""Send a code for signing in."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.tools import tool
from backdesk.kinds.account.identity import identity_provider
from backdesk.worker.attempt.ledger import Effect

LONGEST_ADDRESS = 254

Email = Annotated[str, Field(description="The customer's e-mail address, as they wrote it.")]


class CodeSent(ToolOutcome):
    """That a code is on its way if the address belongs to an account; whether it does is not told."""

    email: str
    note: str = "If an account has this address, a code is on its way to it."

    def summary(self) -> str:
        return f"a code for {self.email}, if it has an account"

    def learned(self) -> dict[str, Any]:
        return {"email": self.email}


@tool(Effect.IDEMPOTENT, harmless=True)
async def send_code(desk: Desk, email: Email) -> CodeSent | Refusal:
    """Send a code for signing in to an e-mail address. It is good for some minutes."""
    address = email.strip()
    if not _is_address(address):
        return Refusal(refused="That is not an e-mail address.")
    await identity_provider(desk.settings, desk.whole).begin(desk.tenant, address)
    return CodeSent(email=address)


def _is_address(text: str) -> bool:
    name, _, domain = text.partition("@")
    plain = text.isprintable() and " " not in text and len(text) <= LONGEST_ADDRESS
    return plain and bool(name) and "." in domain and "@" not in domain

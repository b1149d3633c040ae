"""Sign a customer in by the code that was sent to them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.tools import tool
from backdesk.kinds.account.identity import Denial, Identity, identity_provider
from backdesk.kinds.account.sign_in import AccountContext, sign_in
from backdesk.worker.attempt.ledger import Effect

Code = Annotated[str, Field(description="The code that the customer wrote.")]

_DENIED = {
    Denial.WRONG: "That code is not right, or no longer. Check it, or ask for a new one.",
    Denial.LOCKED: "There were too many wrong codes for this address. Try again in a quarter of an hour.",
}


class SignedIn(ToolOutcome):
    """Who is signed in now."""

    user_id: str
    name: str
    tier: str
    signed_in_until: datetime

    def summary(self) -> str:
        return f"signed in as {self.name} ({self.tier})"

    def learned(self) -> dict[str, Any]:
        return {**self.model_dump(), "email": None}


@tool(Effect.IDEMPOTENT, harmless=True)
async def check_code(desk: Desk, code: Code) -> SignedIn | Refusal:
    """Sign the customer in by the code that was sent to the address they named last. Wrong codes are counted."""
    known = desk.context
    if not isinstance(known, AccountContext) or known.email is None:
        return Refusal(refused="No code was sent in this conversation yet: send one to an e-mail address first.")
    provider = identity_provider(desk.settings, desk.whole)
    found = await provider.verify(desk.tenant, known.email, code, key=desk.key("sign-in"))
    if not isinstance(found, Identity):
        return Refusal(refused=_DENIED[found])
    signed_in = await desk.database.in_thread(lambda: sign_in(desk, found))
    if signed_in is None:
        return Refusal(refused="This conversation belongs to another account: begin a new one to sign in.")
    return SignedIn.model_validate(signed_in.model_dump(exclude={"email"}))

"""Sign the customer out."""

from __future__ import annotations

from typing import Any

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.tools import tool
from backdesk.kinds.account.sign_in import end_sign_in
from backdesk.kinds.account.tools import not_signed_in
from backdesk.worker.attempt.ledger import Effect


class SignedOut(ToolOutcome):
    """That nobody is signed in now."""

    signed_out: bool = True

    def summary(self) -> str:
        return "signed out"

    def learned(self) -> dict[str, Any]:
        return {"signed_in_until": None, "email": None}


@tool(Effect.IDEMPOTENT, harmless=True)
async def sign_out(desk: Desk) -> SignedOut | Refusal:
    """Sign the customer out of this conversation."""
    if refused := not_signed_in(desk):
        return refused
    await desk.database.in_thread(lambda: end_sign_in(desk))
    return SignedOut()

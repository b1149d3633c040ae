"""Sign the customer out."""

from __future__ import annotations

from typing import Any

from tasks.desk import Desk
from tasks.sign_in import end_sign_in
from tasks.tools.account import not_signed_in
from tasks.tools.outcome import Refusal, ToolOutcome
from tasks.tools.tool import desk_tool
from worker.ledger import Effect


class SignedOut(ToolOutcome):
    """That nobody is signed in now."""

    signed_out: bool = True

    def summary(self) -> str:
        return "signed out"

    def learned(self) -> dict[str, Any]:
        return {"signed_in_until": None, "email": None}


@desk_tool(Effect.IDEMPOTENT)
async def sign_out(desk: Desk) -> SignedOut | Refusal:
    """Sign the customer out of this conversation."""
    if refused := not_signed_in(desk):
        return refused
    await desk.database.in_thread(lambda: end_sign_in(desk))
    return SignedOut()

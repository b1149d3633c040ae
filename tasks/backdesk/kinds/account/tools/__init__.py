"""Tools for a customer's own account: signing in, and what only who is signed in may do.

Each of the latter begins with `not_signed_in`, whatever the prompts say.
"""

from __future__ import annotations

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal
from backdesk.kinds.account.sign_in import AccountContext


def not_signed_in(desk: Desk) -> Refusal | None:
    """Return what a tool answers when nobody is signed in, None when somebody is."""
    known = desk.context
    if isinstance(known, AccountContext) and known.signed_in(desk.database.now()):
        return None
    return Refusal(refused="Nobody is signed in: sign in with your e-mail address and a code first.")

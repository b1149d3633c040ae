"""What processes of a race do to a calendar."""

from __future__ import annotations

from backdesk.agents.desk import Context, Desk
from backdesk.kinds.voice.tools.appointments import confirm_once
from backdesk.kinds.voice.tools.proposals import Proposal
from backdesk.platform.database import Database
from backdesk.platform.settings import load_settings


class Known(Context):
    """What is known in it, without the kind: its agents would take long to load."""

    proposal: Proposal | None = None
    affirmed: bool = False


def confirm(database: str, contexts: str, number: str) -> str:
    """Confirm the proposal of the line with this number, for a customer of its own; return the kind of outcome."""
    known = Known.model_validate_json(contexts.splitlines()[int(number)])
    shop, key = Database(f"sqlite:///{database}"), f"process-{number}:{{}}".format
    with shop.read():  # so that what follows is the race, and not its preparation
        desk = Desk(shop, "acme", f"cust-{int(number) + 1}", key, load_settings(), context=known)
    return type(confirm_once(desk)).__name__

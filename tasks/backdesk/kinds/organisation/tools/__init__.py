"""Tools of an organisation's assistant. None takes an organisation or a person as an argument, or touches a table.

All go through `within`, which opens the organisation that the request was admitted to, as the person who sent it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from backdesk.agents.desk import Context, Desk
from backdesk.agents.outcome import Refusal
from backdesk.kinds.organisation.data import NotAMember, NotAnAdmin, OrganisationData, open_organisation

T = TypeVar("T")


class OrganisationContext(Context):
    """Whom the assistant serves, as the members' table has it. Given with every message, never learned."""

    organisation_id: str = ""
    organisation_name: str = ""
    user_id: str = ""
    user_name: str = ""
    role: str = ""


async def within(desk: Desk, work: Callable[[OrganisationData], T], *, write: bool = False) -> T | Refusal:
    """Run blocking work on the data of the desk's organisation, in one transaction."""
    known = desk.context

    def run() -> T | Refusal:
        try:
            here = open_organisation(desk.database, known.organisation_id, known.user_id, write=write)
            with here as data:
                return work(data)
        except NotAMember:
            return Refusal(refused="You are not a member of this organisation any more.")
        except NotAnAdmin:
            return Refusal(refused="Only an admin of the organisation can change its settings.")

    return await desk.database.in_thread(run)

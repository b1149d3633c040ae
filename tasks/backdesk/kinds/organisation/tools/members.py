"""List the organisation's members."""

from __future__ import annotations

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.tools import tool
from backdesk.kinds.organisation.contract import Role
from backdesk.kinds.organisation.data import OrganisationData
from backdesk.kinds.organisation.tools import within
from backdesk.worker.attempt.ledger import Effect

MOST_LISTED = 200


class ListedMember(ToolOutcome):
    """One member."""

    user_id: str
    name: str
    role: Role

    def summary(self) -> str:
        return f"{self.name} ({self.role})"


class MembersListed(ToolOutcome):
    """The members by name, and how many there are."""

    total: int
    members: list[ListedMember]

    def summary(self) -> str:
        return f"{self.total} members"


@tool(Effect.PURE)
async def list_members(desk: Desk) -> MembersListed | Refusal:
    """List the organisation's members and their roles."""
    return await within(desk, _listed)


def _listed(data: OrganisationData) -> MembersListed:
    members = data.members()
    listed = [ListedMember(user_id=each.user_id, name=each.name, role=each.role) for each in members[:MOST_LISTED]]
    return MembersListed(total=len(members), members=listed)

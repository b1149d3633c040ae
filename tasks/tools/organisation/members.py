"""List the organisation's members."""

from __future__ import annotations

from tasks.contracts.organisation import Role
from tasks.desk import Desk
from tasks.organisation_data import OrganisationData
from tasks.tools.organisation import within
from tasks.tools.outcome import Refusal, ToolOutcome
from tasks.tools.tool import desk_tool
from worker.ledger import Effect

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


@desk_tool(Effect.PURE)
async def list_members(desk: Desk) -> MembersListed | Refusal:
    """List the organisation's members and their roles."""
    return await within(desk, _listed)


def _listed(data: OrganisationData) -> MembersListed:
    members = data.members()
    listed = [ListedMember(user_id=each.user_id, name=each.name, role=each.role) for each in members[:MOST_LISTED]]
    return MembersListed(total=len(members), members=listed)

"""Tell about the organisation at a glance."""

from __future__ import annotations

from datetime import date

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.tools import tool
from backdesk.kinds.organisation.data import OrganisationData
from backdesk.kinds.organisation.tools import within
from backdesk.worker.attempt.ledger import Effect


class OrganisationSummary(ToolOutcome):
    """The organisation, and who asks."""

    name: str
    plan: str
    created_on: date
    members: int
    admins: int
    documents: int
    #: How many there are of each status.
    projects: dict[str, int]
    your_role: str

    def summary(self) -> str:
        return f"{self.name} ({self.plan}): {self.members} members, {self.documents} documents"


@tool(Effect.PURE)
async def organisation_overview(desk: Desk) -> OrganisationSummary | Refusal:
    """Tell the organisation's name, plan and age, and how many members, documents and projects it has."""
    return await within(desk, _summary)


def _summary(data: OrganisationData) -> OrganisationSummary:
    seen = data.overview()
    return OrganisationSummary(
        name=seen.name,
        plan=seen.plan,
        created_on=seen.created_on,
        members=seen.members,
        admins=seen.admins,
        documents=seen.documents,
        projects=seen.projects,
        your_role=data.member.role,
    )

"""The kind `org.assistant`: an organisation's assistant, on the data and settings of that organisation alone.

The request names the organisation and the person; both are looked up before any model is asked, and the tools work with
what was found. A model has no argument by which it could name another one.
"""

from __future__ import annotations

from pathlib import Path

from backdesk.agents import Agent, Desk, Team, agent_task, converse
from backdesk.kinds.organisation.contract import (
    OrganisationRequest,
    OrganisationResult,
    OrganisationSeen,
)
from backdesk.kinds.organisation.data import Membership, NotAMember, open_organisation
from backdesk.kinds.organisation.rules import decide
from backdesk.kinds.organisation.tools import OrganisationContext
from backdesk.kinds.organisation.tools.change_setting import change_setting
from backdesk.kinds.organisation.tools.members import list_members
from backdesk.kinds.organisation.tools.overview import organisation_overview
from backdesk.kinds.organisation.tools.search import search_organisation
from backdesk.kinds.organisation.tools.settings import show_settings
from backdesk.platform.database import ScopedDatabase
from backdesk.platform.deployment import deployment
from backdesk.quality import BRIEF
from backdesk.service.apology import apology
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category

PROMPTS = Path(__file__).with_name("prompts")


async def brief(desk: Desk[OrganisationContext]) -> str:
    """Say whom the assistant serves."""
    known = desk.context
    whose = f"the organisation {known.organisation_name} ({known.organisation_id})"
    return f"You are the assistant of {whose}. The member is {known.user_name} ({known.user_id}), role: {known.role}."


ORGANISATION = Agent(
    "organisation",
    PROMPTS / "organisation.md",
    duty="Looking into the organisation's data",
    tools=(organisation_overview, search_organisation, list_members, show_settings, change_setting),
    briefing=brief,
    quality=BRIEF,
)
ORGANISATION_ASSISTANT = Team(
    "organisation",
    (ORGANISATION,),
    rules=decide,
    context=OrganisationContext,
)


@agent_task(
    "org.assistant", agents=ORGANISATION_ASSISTANT, fallback=apology(OrganisationResult, ORGANISATION_ASSISTANT)
)
async def organisation_assistant(ctx: TaskContext, request: OrganisationRequest) -> OrganisationResult:
    """Answer a member of an organisation from its own data, and change its settings for its admins."""
    here = deployment()
    member = await here.database.in_thread(lambda: _admit(here.database.of(ctx.tenant), request))
    known = OrganisationContext(
        organisation_id=member.organisation_id,
        organisation_name=member.organisation_name,
        user_id=member.user_id,
        user_name=member.name,
        role=member.role,
    )
    # A conversation is a member's in one organisation: it goes on neither in another one nor for another person.
    theirs = request.model_copy(update={"customer_id": f"{member.organisation_id}:{member.user_id}"})
    exchange = await converse(ctx, ORGANISATION_ASSISTANT, theirs, known)
    return exchange.result(
        OrganisationResult,
        organisation=OrganisationSeen(id=member.organisation_id, name=member.organisation_name),
        user_id=member.user_id,
        role=member.role,
    )


def _admit(database: ScopedDatabase, request: OrganisationRequest) -> Membership:
    try:
        with open_organisation(database, request.organisation_id, request.user_id) as data:
            return data.member
    except NotAMember:
        raise TaskError(
            "not_a_member",
            f"{request.user_id!r} is no member of an organisation {request.organisation_id!r}.",
            category=Category.AUTHORIZATION,
        ) from None

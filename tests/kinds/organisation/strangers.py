"""What strangers must not get of `org.assistant`: what is an organisation's."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from backdesk.agents.desk import Context
from backdesk.kinds.organisation.tables import Document, Member
from backdesk.kinds.organisation.tools import OrganisationContext
from tests.support.strangers import MARK, Case, Stakes


def in_aurora(_customer: str | None) -> Context:
    return OrganisationContext(organisation_id="aurora", user_id="ada", role="admin")


def mark(session: Session) -> None:
    session.scalars(select(Document).limit(1)).one().body = MARK
    session.scalars(select(Member).filter_by(user_id="chiara")).first().name = MARK  # type: ignore[union-attr]


STAKES = Stakes(
    {
        "organisation_overview": Case(context=in_aurora, of_tenant=True, shows="Aurora Labs"),
        "search_organisation": Case({"query": MARK}, context=in_aurora, of_tenant=True),
        "list_members": Case(context=in_aurora, of_tenant=True),
        "show_settings": Case(context=in_aurora, of_tenant=True, shows='"value": "de"'),
        "change_setting": Case({"setting": "language", "value": "fr"}, context=in_aurora, of_tenant=True, shows="fr"),
    },
    mark,
)

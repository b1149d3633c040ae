"""What strangers must not get of `assistant.contextual`: what a customer prefers."""

from __future__ import annotations

from sqlalchemy.orm import Session

from backdesk.kinds.contextual.tables import PreferenceStatement
from tests.support.strangers import MARK, NOW, OWNER, Case, Stakes


def mark(session: Session) -> None:
    said = {"name": "interested_in", "value": "audio", "source": "explicit", "by": "a", "reason": MARK, "at": NOW}
    session.add(PreferenceStatement(customer_id=OWNER, key="of-the-owner", **said))


STAKES = Stakes(
    {
        "recommend_products": Case({"interest": "audio"}, of_tenant=True, shows="Breeze"),
        "update_preference": Case(
            {"preference": "contact_method", "value": "sms", "quote": "Text me."}, shows='"value": "sms"'
        ),
        "explain_preferences": Case(),
    },
    mark,
    only_for_customers=frozenset({"update_preference", "explain_preferences"}),
)

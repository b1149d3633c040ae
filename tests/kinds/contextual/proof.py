"""The proof of `assistant.contextual`: a preference, an interaction and a ticket, each once."""

from __future__ import annotations

from sqlalchemy import select

import backdesk.kinds.contextual.kind  # noqa: F401 - registers the kind
from backdesk.kinds.contextual.contract import ContextualRequest, ContextualResult
from backdesk.kinds.contextual.tables import Interaction, PreferenceStatement
from backdesk.platform.database import Database
from backdesk.service.tables import Ticket
from tests.support.openai_simulator import Text, call
from tests.support.proof import Proof, Talk

PREFERS = ContextualRequest(message="Please write to me by email from now on.", customer_id="cust-2")
KEPT = Text("We write to you by email from now on, Mr Okafor.")
COMPLAINS = ContextualRequest(message="This is terrible, my lamp flickers again!", customer_id="cust-4")
TICKET = Text("We are sorry about the lamp. A colleague will look into it.")


def _kept_once(result: ContextualResult, shop: Database) -> None:
    assert result.answer == KEPT.text
    assert [action.type for action in result.actions] == ["preference"]
    assert result.preferences == {"contact_method": "email"}
    _noted_once(shop, PREFERS, KEPT)
    with shop.of_all_tenants().read() as session:
        stated = session.scalars(select(PreferenceStatement).filter_by(tenant="default", customer_id="cust-2"))
        assert [(each.value, each.source) for each in stated] == [("email", "explicit")]


def _one_ticket(result: ContextualResult, shop: Database) -> None:
    assert (result.answer, result.sentiment) == (TICKET.text, "negative")
    assert "calm-displeased-customers" in result.rules
    _noted_once(shop, COMPLAINS, TICKET)
    with shop.of_all_tenants().read() as session:
        assert [ticket.priority for ticket in session.scalars(select(Ticket))] == ["high"]


def _noted_once(shop: Database, request: ContextualRequest, answer: Text) -> None:
    with shop.of_all_tenants().read() as session:
        noted = session.scalars(select(Interaction).filter_by(tenant="default", customer_id=request.customer_id))
        assert [(each.asked, each.answered) for each in noted] == [(request.message, answer.text)]


PROOF = Proof(
    "assistant.contextual",
    (
        Talk(
            PREFERS,
            (
                call("update_preference", preference="contact_method", value="email", quote="write to me by email"),
                call("explain_preferences", preference="contact_method"),
                KEPT,
            ),
            _kept_once,
        ),
        Talk(
            COMPLAINS,
            (
                call("search_articles", query="desk lamp flickers"),
                call("open_ticket", subject="Lamp", details="It flickers again.", priority="high"),
                TICKET,
            ),
            _one_ticket,
        ),
    ),
)

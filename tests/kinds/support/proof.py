"""The proof of `support.request`: a refund that is proposed, and a danger that goes to a person."""

from __future__ import annotations

from sqlalchemy import select

import backdesk.kinds.support.kind  # noqa: F401 - registers the kind
from backdesk.agents.proposals.tables import Proposal
from backdesk.kinds.support.contract import SupportRequest, SupportResult
from backdesk.platform.database import Database
from backdesk.service.tables import Escalation, Ticket
from backdesk.shop.tables import Refund
from tests.support.openai_simulator import Text, call
from tests.support.proof import Proof, Talk

SHOWN = Text("I can refund 78.00 EUR for order 10003. Shall I?")
PAID = Text("The 78.00 EUR for order 10003 are on their way back to you, refund R-10003.")
CALLED = Text("Switch it off. A colleague calls you.")


def _proposed_once(result: SupportResult, shop: Database) -> None:
    assert (result.answer, result.path, result.actions) == (SHOWN.text, ["triage", "refund"], [])
    assert result.proposal is not None
    with shop.of_all_tenants().read() as session:
        assert session.scalars(select(Refund).where(Refund.key != "")).all() == []
        (kept,) = session.scalars(select(Proposal).filter_by(conversation_id=result.conversation_id))
        assert (kept.state, kept.shown_at is None) == ("open", False)


def _refunded_once(result: SupportResult, shop: Database) -> None:
    assert (result.answer, result.proposal) == (PAID.text, None)
    assert [action.type for action in result.actions] == ["refund"]
    with shop.of_all_tenants().read() as session:
        assert session.scalars(select(Refund.order_number).where(Refund.key != "")).all() == [10003]
        of_this = select(Proposal.state).filter_by(conversation_id=result.conversation_id)
        assert session.scalars(of_this).all() == ["confirmed"]


def _handed_over_once(result: SupportResult, shop: Database) -> None:
    assert (result.answer, result.path) == (CALLED.text, ["triage", "technical"])
    assert [action.type for action in result.actions] == ["ticket", "escalation"]
    with shop.of_all_tenants().read() as session:
        assert session.scalars(select(Ticket.priority)).all() == ["urgent"]
        assert session.scalars(select(Escalation.priority)).all() == ["urgent"]


PROOF = Proof(
    "support.request",
    (
        Talk(
            SupportRequest(message="Money back for 10003, please", customer_id="cust-3"),
            (
                call("hand_over", to="refund", reason="wants money back"),
                call("look_up_order", order_number=10003),
                call("refund_order", order_number=10003, reason="changed my mind"),
                SHOWN,
            ),
            _proposed_once,
        ),
        Talk(
            SupportRequest(message="The router smokes!", customer_id="cust-5"),
            (
                call("hand_over", to="technical", reason="danger"),
                call("search_articles", query="router smokes"),
                call("open_ticket", subject="Smoke", details="The router smokes.", priority="urgent"),
                call("escalate", cause="danger", reason="Smoke", details="The router smokes."),
                CALLED,
            ),
            _handed_over_once,
        ),
    ),
    Talk(
        SupportRequest(message="Yes, please", customer_id="cust-3"),
        (call("give_answer", verdict="confirm"), PAID),
        _refunded_once,
    ),
)

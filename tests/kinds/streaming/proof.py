"""The proof of `assistant.streaming`: a report in stages, and a ticket in a session without one."""

from __future__ import annotations

from sqlalchemy import select

import backdesk.kinds.streaming.kind  # noqa: F401 - registers the kind
from backdesk.kinds.streaming.contract import StreamingRequest, StreamingResult
from backdesk.platform.database import Database
from backdesk.service.tables import Ticket
from tests.support.openai_simulator import Text, call
from tests.support.proof import Proof, Talk

REPORTED = Text("Here is your report: your orders, what you spent, and where the service stands.")
TICKET = Text("A colleague will look into what looks wrong about your spending, ticket T-000001.")


def _reported(result: StreamingResult, shop: Database) -> None:
    assert result.answer == REPORTED.text
    assert result.report is not None
    assert [section.stage for section in result.report.sections] == [
        "review_orders",
        "spending_by_category",
        "spending_by_month",
    ]
    assert result.session is not None
    assert result.session.messages == 1
    assert result.usage.tool_calls == 1, "stages are no calls of the model's"


def _one_ticket(result: StreamingResult, shop: Database) -> None:
    assert (result.answer, result.report) == (TICKET.text, None)
    with shop.of_all_tenants().read() as session:
        assert [ticket.customer_id for ticket in session.scalars(select(Ticket))] == ["cust-3"]


PROOF = Proof(
    "assistant.streaming",
    (
        Talk(
            StreamingRequest(message="Report on my purchases.", customer_id="cust-2", complexity="medium"),
            (call("system_status"), REPORTED),
            _reported,
        ),
        Talk(
            StreamingRequest(message="My spending looks wrong, help!", customer_id="cust-3"),
            (
                call("review_orders"),
                call("open_ticket", subject="Spending", details="It looks wrong.", priority="normal"),
                TICKET,
            ),
            _one_ticket,
        ),
    ),
)

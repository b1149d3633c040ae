"""What the agents of the service desk leave to a person."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from backdesk.kinds.support.contract import SupportResult
from backdesk.platform.database import Database
from backdesk.service.contract import Escalated, EscalationCause, TicketOpened
from tests.kinds.support.asking import ask

#: A Friday, half past four in Berlin.
FRIDAY = datetime(2026, 3, 27, 15, 30, tzinfo=UTC)


@pytest.fixture
def on_friday(shop: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setattr(Database, "now", lambda _self: FRIDAY)
    return shop


def escalated(result: SupportResult) -> Escalated:
    return next(action for action in result.actions if isinstance(action, Escalated))


@pytest.mark.usefixtures("on_friday")
@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("I want to talk to a human being about order 10003", "wants_person"),
        ("Could I speak to your manager?", "wants_person"),
        ("Refund 10003 or you will hear from my lawyer", "legal_threat"),
        ("I'll sue you", "legal_threat"),
    ],
)
async def test_who_asks_for_a_person_or_threatens_gets_one(message: str, cause: EscalationCause) -> None:
    result = await ask(message, customer_id="cust-3")
    assert result.path == ["triage", "escalation"]
    assert escalated(result).cause == cause
    assert escalated(result).escalation_id in result.answer
    assert "(Europe/Rome)" in result.answer


@pytest.mark.usefixtures("on_friday")
async def test_danger_goes_to_a_person_at_once_with_its_ticket() -> None:
    result = await ask("The router from order 10005 smokes!")
    assert [type(action) for action in result.actions] == [TicketOpened, Escalated]
    assert (escalated(result).cause, escalated(result).priority) == ("danger", "urgent")
    assert result.answer.startswith("Switch it off")


@pytest.mark.usefixtures("on_friday")
async def test_what_has_failed_more_than_once_goes_to_a_person() -> None:
    first = await ask("My lamp flickers, I have already tried another socket", "job-1", conversation_id="talk")
    second = await ask("My lamp still flickers", "job-2", conversation_id="talk")
    assert not any(isinstance(action, Escalated) for action in first.actions)
    assert escalated(second).cause == "repeated_failure"

"""What goes to a person, and by when they answer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from backdesk.platform.business_hours import BusinessHours
from backdesk.platform.contract import Priority
from backdesk.platform.database import Database
from backdesk.service.contract import EscalationCause
from backdesk.service.escalations import EscalationReceipt, escalate
from backdesk.service.response_times import priority_for, respond_by
from backdesk.service.tables import Escalation
from tests.support.deployment import desk_of

OFFICE = BusinessHours.read("Mon-Fri 09:00-18:00 Europe/Berlin")
#: A Friday, half past four in Berlin.
FRIDAY = datetime(2026, 3, 27, 15, 30, tzinfo=UTC)


@pytest.fixture
def on_friday(shop: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setattr(Database, "now", lambda _self: FRIDAY)
    return shop


async def hand_over(shop: Database, job_id: str = "job-1", customer_id: str | None = None) -> EscalationReceipt:
    return await escalate(desk_of(shop, job_id, customer_id), "wants_person", "Wants to talk", "About order 10003.")


@pytest.mark.parametrize(
    ("priority", "answered"),
    [
        ("urgent", "2026-03-27 16:30"),
        ("high", "2026-03-30 09:30"),  # by then the clocks have changed
        ("normal", "2026-03-30 14:30"),
        ("low", "2026-04-01 14:30"),
    ],
)
def test_a_person_answers_within_the_business_hours_of_the_priority(priority: Priority, answered: str) -> None:
    assert f"{respond_by(priority, FRIDAY, OFFICE):%Y-%m-%d %H:%M}" == answered


@pytest.mark.parametrize(
    ("cause", "wished", "priority"),
    [
        ("danger", "low", "urgent"),
        ("legal_threat", "normal", "high"),
        ("legal_threat", "urgent", "urgent"),
        ("repeated_failure", "normal", "high"),
        ("wants_person", "low", "normal"),
        ("wants_person", "high", "high"),
    ],
)
def test_a_cause_has_a_least_priority(cause: EscalationCause, wished: Priority, priority: Priority) -> None:
    assert priority_for(cause, wished) == priority


async def test_the_promise_is_kept_in_utc_and_told_by_the_customer_s_clocks(on_friday: Database) -> None:
    receipt = await hand_over(on_friday, customer_id="cust-7")
    assert receipt.respond_by == datetime(2026, 3, 30, 14, 30, tzinfo=UTC)
    assert receipt.promise == "A person answers by Monday 30 March 2026, 07:30 (America/Los_Angeles)."
    with on_friday.of_all_tenants().read() as session:
        row = session.scalars(select(Escalation)).one()
    assert (row.customer_id, row.details, row.priority) == ("cust-7", "About order 10003.", "normal")


@pytest.mark.parametrize("customer_id", [None, "unheard-of"])
async def test_without_a_known_customer_it_is_told_by_the_clocks_of_the_office(
    on_friday: Database, customer_id: str | None
) -> None:
    assert "16:30 (Europe/Berlin)" in (await hand_over(on_friday, customer_id=customer_id)).promise


async def test_one_job_escalates_once_and_its_first_promise_holds(
    on_friday: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipts = await asyncio.gather(*(hand_over(on_friday) for _ in range(8)))
    monkeypatch.setattr(Database, "now", lambda _self: FRIDAY.replace(day=28))
    receipts.append(await hand_over(on_friday))
    assert [receipt.already_escalated for receipt in receipts].count(False) == 1
    assert len({receipt.action() for receipt in receipts}) == 1
    assert (await hand_over(on_friday, "job-2")).escalation_id == "E-000002"

"""The queue of people: what is in it, in which order, and what may be done with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backdesk.platform.database import Database
from backdesk.service import cases
from backdesk.service.cases_contract import Case, DeskRequest
from backdesk.service.escalations import escalate
from backdesk.service.tickets import open_ticket
from backdesk.worker.errors import TaskError
from tests.support.deployment import desk_of

#: A Friday, half past four in Berlin.
FRIDAY = datetime(2026, 3, 27, 15, 30, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = FRIDAY


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(Database, "now", lambda _self: clock.now)
    return clock


async def promised(shop: Database, job_id: str, priority: Any = "normal") -> str:
    receipt = await escalate(desk_of(shop, job_id), "wants_person", "Wants to talk", "All of it.", priority)
    return receipt.escalation_id


def act(shop: Database, key: str, **fields: Any) -> Case:
    return cases.act(shop.of("default"), "default", DeskRequest.model_validate(fields), key).cases[0]


def listed(shop: Database, **which: Any) -> list[str]:
    request = DeskRequest.model_validate({"act": "list"} | which)
    return [case.case for case in cases.queue(shop.of("default"), "default", request).cases]


def raised(shop: Database, key: str) -> list[str]:
    return [case.case for case in cases.escalate_overdue(shop.of("default"), "default", key).cases]


@pytest.mark.usefixtures("clock")
async def test_tickets_and_escalations_come_into_one_queue_once_each(shop: Database) -> None:
    for _ in range(2):
        escalation = await promised(shop, "job-1")
        ticket = (await open_ticket(desk_of(shop, "job-2"), "Broken lamp", "It flickers.")).ticket_id
    assert sorted(listed(shop)) == sorted([escalation, ticket])


async def test_what_is_late_comes_first_then_what_is_urgent_then_what_is_due(shop: Database, clock: Clock) -> None:
    late = await promised(shop, "job-1")
    clock.now += timedelta(days=7)
    normal, high, urgent = [await promised(shop, f"job-{each}", each) for each in ("normal", "high", "urgent")]
    assert listed(shop) == [late, urgent, high, normal]


@pytest.mark.usefixtures("clock")
async def test_what_is_done_twice_under_one_key_is_done_once(shop: Database) -> None:
    case = await promised(shop, "job-1")
    for _ in range(2):
        act(shop, "key-1", act="take", case=case, by="ada")
        act(shop, "key-2", act="note", case=case, by="ada", text="Called.")
    entries = cases.show(shop.of("default"), "default", case).entries
    assert [(entry.deed, entry.by) for entry in entries] == [("opened", "agents"), ("taken", "ada"), ("noted", "ada")]


async def test_what_nobody_answers_in_time_is_raised_once_and_anybody_may_take_it(shop: Database, clock: Clock) -> None:
    case = await promised(shop, "job-1")
    act(shop, "key-1", act="take", case=case, by="ada")
    before = raised(shop, "tick-1")
    clock.now += timedelta(days=7)
    assert (before, raised(shop, "tick-2"), raised(shop, "tick-3")) == ([], [case], [])
    taken = act(shop, "key-2", act="take", case=case, by="ben")
    assert (taken.holder, taken.priority, taken.overdue) == ("ben", "urgent", True)


async def test_an_attempt_after_a_crash_has_what_the_one_before_has_raised(shop: Database, clock: Clock) -> None:
    case = await promised(shop, "job-1")
    clock.now += timedelta(days=7)
    assert (raised(shop, "tick-1"), raised(shop, "tick-1"), raised(shop, "tick-2")) == ([case], [case], [])


async def test_what_was_answered_in_time_is_not_raised(shop: Database, clock: Clock) -> None:
    case = await promised(shop, "job-1")
    act(shop, "key-1", act="take", case=case, by="ada")
    act(shop, "key-2", act="reply", case=case, by="ada", text="Hello")
    clock.now += timedelta(days=7)
    assert raised(shop, "tick-1") == []
    assert not cases.show(shop.of("default"), "default", case).cases[0].overdue
    with pytest.raises(TaskError, match="is with ada"):
        act(shop, "key-3", act="take", case=case, by="ben")


async def test_what_was_answered_is_not_late_in_the_queue(shop: Database, clock: Clock) -> None:
    answered, waiting = await promised(shop, "job-1"), await promised(shop, "job-2", "high")
    act(shop, "key-1", act="take", case=answered, by="ada")
    act(shop, "key-2", act="reply", case=answered, by="ada", text="Hello")
    clock.now += timedelta(days=7)
    urgent = await promised(shop, "job-3", "urgent")
    assert listed(shop) == [waiting, urgent, answered]


async def test_the_queue_tells_when_a_case_was_answered_first(shop: Database, clock: Clock) -> None:
    case, waiting = await promised(shop, "job-1"), await promised(shop, "job-2")
    act(shop, "key-1", act="take", case=case, by="ada")
    then = clock.now
    assert act(shop, "key-2", act="reply", case=case, by="ada", text="Hello").answered_at == then
    clock.now += timedelta(days=7)
    act(shop, "key-3", act="reply", case=case, by="ada", text="And?")
    found = cases.queue(shop.of("default"), "default", DeskRequest(act="list")).cases
    assert {each.case: each.answered_at for each in found} == {waiting: None, case: then}


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"act": "take", "by": "ben"}, "case_taken"),
        ({"act": "close", "by": "ben"}, "case_taken"),
        ({"act": "reply", "by": "ben", "text": "Hi"}, "case_not_yours"),
        ({"act": "rate", "score": 3}, "case_open"),
    ],
)
async def test_what_may_not_be_done_is_refused_and_changes_nothing(
    shop: Database, fields: dict[str, Any], code: str
) -> None:
    case = await promised(shop, "job-1")
    before = act(shop, "key-1", act="take", case=case, by="ada")
    with pytest.raises(TaskError) as refusal:
        act(shop, "key-2", case=case, **fields)
    assert refusal.value.code == code
    assert cases.show(shop.of("default"), "default", case).cases == [before]


@pytest.mark.usefixtures("clock")
async def test_a_case_does_not_say_a_card_or_a_password_that_a_customer_has_written(shop: Database) -> None:
    told = (
        "Card 4111 1111 1111 1111, password: hunter2, to DE89 3704 0044 0532 0130 00. Write to a@example.com, +49 30 1"
    )
    escalation = (await escalate(desk_of(shop, "job-1"), "wants_person", told, told)).escalation_id
    ticket = (await open_ticket(desk_of(shop, "job-2"), told, told)).ticket_id
    for case in (escalation, ticket):
        found = cases.show(shop.of("default"), "default", case)
        kept = "Card [masked-card], password: [masked], to [IBAN …3000]. Write to a@example.com, +49 30 1"
        assert (found.details, found.cases[0].subject) == (kept, kept)


def test_an_act_without_what_it_needs_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="reply needs case and by"):
        DeskRequest(act="reply", text="Hello")

"""Support requests with the offline model: the real agents, tools, handoffs and stream."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import func, select

from backdesk.client import JobClient
from backdesk.kinds.support.contract import SupportRequest
from backdesk.kinds.support.kind import support_request
from backdesk.platform.database import Database
from backdesk.service.contract import TicketOpened
from backdesk.service.tables import Ticket
from backdesk.shop.contract import RefundMade
from backdesk.shop.tables import LedgerEntry, Refund
from backdesk.worker.errors import TaskError
from tests.kinds.support.asking import ask
from tests.support.memories import MEMORIES
from tests.support.recording import Recording, context_of

pytestmark = pytest.mark.usefixtures("shop")


async def test_a_refund_is_shown_and_made_after_a_yes() -> None:
    shown = await ask("I want a refund for order 10003, please.", "job-1", conversation_id="talk")
    assert (shown.path, shown.actions) == (["triage", "refund"], [])
    assert "Shall I refund 78.00 EUR for order 10003?" in shown.answer
    result = await ask("Ja, gerne", "job-2", conversation_id="talk")
    assert result.path == ["refund"]
    assert [type(action) for action in result.actions] == [RefundMade]
    assert "R-10003" in result.answer


@pytest.mark.parametrize("no", ["No, leave it", "Nein danke", "I changed my mind"])
async def test_a_refund_is_not_made_after_a_no(no: str, shop: Database) -> None:
    await ask("I want a refund for order 10003, please.", "job-1", conversation_id="talk")
    assert "nothing is refunded" in (await ask(no, "job-2", conversation_id="talk")).answer
    await ask("ok", "job-3", conversation_id="talk")
    assert not _refunds(shop)


async def test_who_does_not_want_a_refund_is_offered_none(shop: Database) -> None:
    result = await ask("I do NOT want a refund for order 10008!")
    assert (result.proposal, _refunds(shop)) == (None, [])


async def test_a_question_about_the_policy_is_answered_and_proposes_nothing_of_what_was_named_before() -> None:
    await ask("I do NOT want a refund for order 10008!", "job-1", conversation_id="talk")
    result = await ask("What is your refund policy?", "job-2", customer_id="cust-8", conversation_id="talk")
    assert result.proposal is None
    assert "within 30 days" in result.answer


def _refunds(shop: Database) -> list[int]:
    with shop.of_all_tenants().read() as session:
        return list(session.scalars(select(Refund.order_number).where(Refund.key != "")))


async def test_a_refusal_is_reported_with_its_real_reason() -> None:
    result = await ask("Please refund order 10002")
    assert "45 days ago" in result.answer
    assert result.actions == []


async def test_of_several_orders_one_is_proposed_after_the_other() -> None:
    result = await ask("I return 10003 and 99999, money back please")
    assert "There is no order 99999" in result.answer
    assert "Shall I refund 78.00 EUR for order 10003?" in result.answer


async def test_a_technical_problem_is_answered_from_the_knowledge_base() -> None:
    result = await ask("My desk lamp flickers")
    assert result.path == ["triage", "technical"]
    assert "undimmed socket" in result.answer
    assert result.actions == []


async def test_danger_opens_an_urgent_ticket(shop: Database) -> None:
    result = await ask("The router from order 10005 smokes!")
    with shop.of_all_tenants().read() as session:
        ticket = session.scalars(select(Ticket)).one()
    assert (ticket.priority, ticket.order_number) == ("urgent", 10005)
    assert [action.ticket_id for action in result.actions if isinstance(action, TicketOpened)] == [f"T-{ticket.id:06}"]


async def test_the_status_of_an_order_is_told() -> None:
    result = await ask("Where is my order 10005?")
    assert result.path == ["triage", "billing"]
    assert "is shipped" in result.answer


async def test_a_payment_that_was_booked_twice_becomes_a_ticket(shop: Database) -> None:
    with shop.of("default").write() as session:
        paid = session.scalars(select(LedgerEntry).filter_by(order_number=10001, kind="payment")).one()
        again = {"kind": "payment", "amount_cents": paid.amount_cents, "reference": paid.reference}
        session.add(LedgerEntry(order_number=10001, booked_on=paid.booked_on, **again))
    result = await ask("Was I charged twice for 10001?")
    assert [action.priority for action in result.actions if isinstance(action, TicketOpened)] == ["high"]


async def test_offline_answers_say_what_they_are() -> None:
    result = await ask("Where is my order 10005?")
    assert (result.offline, result.model) == (True, "offline")
    assert result.answer.endswith("(offline model)")


async def test_an_unclear_message_is_answered_with_a_question() -> None:
    result = await ask("Hello, I need help")
    assert result.clarifying
    assert result.path == ["triage"]
    assert "?" in result.answer


async def test_the_answer_to_a_question_continues_the_conversation() -> None:
    question = await ask("I want my money back", "job-1", conversation_id="talk")
    answer = await ask("It is 10003", "job-2", conversation_id="talk")
    assert question.clarifying
    assert "for order 10003?" in answer.answer


async def test_a_job_without_a_conversation_names_one_to_continue() -> None:
    question = await ask("I want my money back", "job-1")
    answer = await ask("It is 10003", "job-2", conversation_id=question.conversation_id)
    assert question.conversation_id == "job-1"
    assert "for order 10003?" in answer.answer


async def test_at_most_two_questions_are_asked_in_a_row() -> None:
    questions = [await ask("hello", f"job-{turn}", conversation_id="talk") for turn in (1, 2)]
    third = await ask("what a day", "job-3", conversation_id="talk")
    assert [(each.clarifying, each.agent) for each in questions] == [(True, "triage")] * 2
    assert not third.clarifying
    assert third.agent != "triage"


async def test_whoever_has_asked_gets_the_answer() -> None:
    question = await ask("I want my money back", "job-1", conversation_id="talk")
    answer = await ask("It is 10003", "job-2", conversation_id="talk")
    assert question.path == ["triage", "refund"]
    assert answer.path == ["refund"]


async def test_another_tenant_does_not_continue_the_conversation() -> None:
    await ask("I want my money back", "job-1", tenant="default", conversation_id="talk")
    other = await ask("It is 10003", "job-2", tenant="other", conversation_id="talk")
    assert other.clarifying
    assert other.actions == []


async def test_another_customer_does_not_get_into_a_conversation() -> None:
    await ask("refund 10003", "job-1", customer_id="cust-3", conversation_id="talk")
    with pytest.raises(TaskError) as caught:
        await ask("what did I say?", "job-2", customer_id="cust-1", conversation_id="talk")
    assert caught.value.code == "conversation_mismatch"


async def test_a_conversation_of_nobody_may_become_a_customer_s() -> None:
    await ask("I want my money back", "job-1", conversation_id="talk")
    answer = await ask("10003", "job-2", customer_id="cust-3", conversation_id="talk")
    assert answer.proposal


async def test_a_customer_gets_no_refund_for_an_order_of_another(shop: Database) -> None:
    result = await ask("refund order 10003", customer_id="cust-1")
    assert "no order 10003 for this customer" in result.answer
    with shop.of_all_tenants().read() as session:
        assert session.scalar(select(func.count()).select_from(Refund).filter_by(order_number=10003)) == 0


@pytest.mark.usefixtures("waived")
async def test_a_repeated_attempt_reports_the_same_refund_and_keeps_one_turn() -> None:
    first = await ask("refund order 10003", conversation_id="talk")
    again = await ask("refund order 10003", conversation_id="talk")
    assert again == first
    with JobClient(settings=MEMORIES.settings) as client:
        assert len(client.conversations.get("talk", tenant="default").turns) == 1


async def test_the_answer_is_shown_once_it_has_passed_in_one_piece() -> None:
    sink = Recording(watched=True)
    result = await ask("refund order 10003", sink=sink)
    assert sink.tokens == [result.answer]


async def test_whoever_begins_to_watch_gets_the_stream_from_the_next_request_on() -> None:
    asked = iter([False, False, False, True])
    sink = Recording(watched=lambda: next(asked, True))
    result = await ask("refund order 10003", sink=sink)
    assert "".join(sink.tokens) == result.answer


async def test_a_question_is_streamed_too() -> None:
    sink = Recording(watched=True)
    result = await ask("hello", sink=sink)
    assert "".join(sink.tokens) == result.answer


async def test_each_change_of_the_active_agent_is_an_event() -> None:
    sink = Recording()
    await ask("refund order 10003", sink=sink)
    assert [(data["agent"], data["previous"]) for data in sink.of("agent")] == [
        ("triage", None),
        ("refund", "triage"),
    ]
    assert "10003" in sink.of("agent")[1]["reason"]


async def test_each_tool_call_has_its_return() -> None:
    sink = Recording()
    await ask("refund order 10003 and 10004", sink=sink)
    called = {data["call_id"]: data["tool"] for data in sink.of("tool_called")}
    returned = {data["call_id"]: data["tool"] for data in sink.of("tool_returned")}
    assert called == returned
    assert len(called) == 3
    assert {data["outcome"] for data in sink.of("tool_returned")} == {"success"}


async def test_an_event_tells_what_a_tool_got_and_returned() -> None:
    sink = Recording()
    await ask("refund order 10002", sink=sink)
    assert sink.of("tool_called")[0]["args"] == {"order_number": 10002}
    assert "45 days ago" in sink.of("tool_returned")[-1]["summary"]


async def test_progress_has_messages_and_never_goes_back() -> None:
    sink = Recording()
    await ask("refund order 10003", sink=sink)
    progress = sink.of("progress")
    fractions = [data["fraction"] for data in progress]
    assert fractions == sorted(fractions)
    assert all(data["message"] for data in progress)
    assert len(progress) >= 5


async def test_the_context_s_usage_is_the_result_s() -> None:
    sink = Recording()
    context = context_of(sink)
    result = await support_request(context, SupportRequest(message="refund order 10003", customer_id="cust-3"))
    assert context.usage.model_dump(exclude={"measures", "variants"}) == result.usage.model_dump()
    assert (result.usage.requests, result.usage.tool_calls) == (4, 2)


@pytest.mark.usefixtures("waived")
async def test_a_hundred_requests_share_one_loop() -> None:
    results = await asyncio.gather(*(ask("refund order 10003", f"job-{number}") for number in range(100)))
    assert sum(len(result.actions) for result in results) == 1


class Broken:
    """A sink that fails at every call."""

    watched = True

    def emit(self, event_type: str, data: dict[str, Any]) -> None:
        raise ValueError(event_type)

    def token(self, text: str) -> None:
        raise ValueError(text)

    def sent(self, entry: bytes, texts: Mapping[str, str]) -> None:
        raise ValueError(entry)


async def test_reports_that_fail_do_not_fail_the_job() -> None:
    result = await ask("refund order 10003", sink=Broken())
    assert result.proposal


async def test_a_tool_that_breaks_neither_fails_the_job_nor_the_tool_beside_it(
    shop: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with shop.of_all_tenants().write() as session:
        session.connection().exec_driver_sql("ALTER TABLE ledger RENAME TO mislaid")
    sink = Recording()
    result = await ask("Where is order 10005?", sink=sink)
    assert "Order 10005" in result.answer
    outcomes = {data["tool"]: data["outcome"] for data in sink.of("tool_returned")}
    assert outcomes == {"look_up_order": "success", "look_up_payments": "failed"}
    assert "tool_failed" in caplog.text

"""Support requests that are broken off: what is done stays done, and the job goes on from there."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, update

from backdesk.agents.failures import ModelFailure
from backdesk.client import JobClient
from backdesk.kinds.support.contract import SupportRequest, SupportResult
from backdesk.kinds.support.kind import support_request
from backdesk.platform.database import Database
from backdesk.platform.deployment import reset
from backdesk.shop.contract import RefundMade
from backdesk.shop.tables import LedgerEntry, Order, Refund
from tests.kinds.support.receipts import with_receipt
from tests.support.memories import MEMORIES
from tests.support.memory import Memory
from tests.support.openai_simulator import Calls, Fault, OpenAISimulator, Text, call
from tests.support.recording import Recording

pytestmark = pytest.mark.usefixtures("waived")

REFUND_10003 = SupportRequest(message="I want a refund for order 10003", customer_id="cust-3")
REFUND_10001 = SupportRequest(message="I want a refund for order 10001", conversation_id="talk", customer_id="cust-1")
TO_REFUND = call("hand_over", to="refund", reason="wants money back")
LOOK_UP = call("look_up_order", order_number=10003)
REFUND = call("refund_order", order_number=10003, reason="changed my mind")
DONE = Text("Your parcel is on its way.")
#: What a refund writes: how far it looks back, where it is after 4 requests and as the second agent begins, 2 steps, a
#: review, its turn.
WRITES = 10


def refunds(shop: Database) -> int:
    with shop.of_all_tenants().read() as session:
        made = select(Refund.order_number).where(Refund.key != "")
        booked = select(LedgerEntry).where(LedgerEntry.kind == "refund", LedgerEntry.order_number.in_(made))
        count = session.scalar(select(func.count()).select_from(made.subquery())) or 0
        assert session.scalar(select(func.count()).select_from(booked.subquery())) == count
        return count


@pytest.mark.parametrize("write", range(1, WRITES + 1))
async def test_whatever_is_kept_when_an_attempt_dies_is_not_done_again(
    provider: OpenAISimulator, shop: Database, write: int
) -> None:
    provider.will(TO_REFUND, LOOK_UP, REFUND, DONE)
    memory = Memory(dies_after=write)
    result: SupportResult = await memory.finish(support_request, REFUND_10003)
    assert memory.attempts == 2
    assert len(provider.requests) == 4, "a model call was repeated"
    assert refunds(shop) == 1
    assert (result.answer, result.path) == (with_receipt(DONE.text), ["triage", "refund"])
    assert [type(action) for action in result.actions] == [RefundMade]
    assert (result.usage.requests, result.usage.tool_calls, result.usage.input_tokens) == (4, 2, 40)
    assert memory.usage.model_dump(exclude={"measures", "variants"}) == result.usage.model_dump()
    assert len(memory.keys) == len(set(memory.keys)), "a step was repeated"


@pytest.mark.parametrize("write", range(1, WRITES + 1))
async def test_an_attempt_that_dies_before_it_has_kept_what_it_did_does_it_again_without_harm(
    shop: Database, write: int
) -> None:

    memory = Memory(dies_before=write)
    result = await memory.finish(support_request, REFUND_10003)
    assert memory.attempts == 2
    assert refunds(shop) == 1
    assert "R-10003" in result.answer
    assert [type(action) for action in result.actions] == [RefundMade]
    assert (result.usage.requests, result.usage.tool_calls) == (4, 2)


async def test_a_job_writes_at_each_response_at_a_hand_over_and_after_each_tool(provider: OpenAISimulator) -> None:
    provider.will(TO_REFUND, LOOK_UP, REFUND, DONE)
    memory = Memory()
    await memory.finish(support_request, REFUND_10003)
    assert memory.writes == WRITES
    assert [key.rpartition(":")[0] for key in memory.keys] == ["step:look_up_order:2", "step:refund_order:3"]


async def test_each_agent_is_told_once_and_progress_does_not_go_back(provider: OpenAISimulator) -> None:
    provider.will(TO_REFUND, LOOK_UP, REFUND, DONE)
    memory = Memory(dies_after=5)
    await memory.finish(support_request, REFUND_10003)
    assert [data["agent"] for data in memory.sink.of("agent")] == ["triage", "refund"]
    fractions = [data["fraction"] for data in memory.sink.of("progress")]
    assert fractions == sorted(fractions)


async def test_an_answer_that_was_streamed_is_not_streamed_again(provider: OpenAISimulator) -> None:
    provider.will(TO_REFUND, DONE)
    memory = Memory(dies_after=4)
    memory.sink = Recording(watched=True)
    result = await memory.finish(support_request, REFUND_10003)
    assert memory.attempts == 2
    assert "".join(memory.sink.tokens) == result.answer


async def test_a_response_that_is_no_use_is_not_paid_for_again_either(provider: OpenAISimulator) -> None:
    """Triage may not answer by itself: the library asks it again, also when the attempt dies in between."""
    provider.will(Text("Hello!"), TO_REFUND, DONE)
    memory = Memory(dies_after=2)
    result = await memory.finish(support_request, REFUND_10003)
    assert (memory.attempts, len(provider.requests), result.answer) == (2, 3, DONE.text)


async def test_limits_hold_over_all_attempts(provider: OpenAISimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_MAX_MODEL_REQUESTS", "3")
    reset()
    provider.will(TO_REFUND, *[LOOK_UP] * 9)
    memory = Memory(dies_after=5)
    with pytest.raises(ModelFailure, match="more of the model"):
        await memory.finish(support_request, REFUND_10003)
    assert (memory.attempts, len(provider.requests)) == (2, 3)


async def test_a_provider_that_fails_costs_the_request_that_failed_and_nothing_else(
    provider: OpenAISimulator, shop: Database
) -> None:
    busy = Fault.error(429, "rate_limit_exceeded", Retry_After="7")
    provider.will(TO_REFUND, REFUND, busy, DONE)
    memory = Memory()
    with pytest.raises(ModelFailure) as caught:
        await memory.attempt(support_request, REFUND_10003)
    result = await memory.attempt(support_request, REFUND_10003)
    assert (caught.value.transient, caught.value.retry_after_s) == (True, 7)
    assert (len(provider.requests), refunds(shop)) == (4, 1)
    assert [action.type for action in result.actions] == ["refund"]
    assert result.usage.requests == 3


async def test_a_server_whose_call_ids_repeat_gets_each_call_done(provider: OpenAISimulator) -> None:
    provider.ids = iter([1] * 9)  # type: ignore[assignment]  # as some local servers count
    provider.will(TO_REFUND, LOOK_UP, REFUND, DONE)
    result = await Memory().finish(support_request, REFUND_10003)
    assert [action.type for action in result.actions] == ["refund"]


async def test_a_replay_under_another_id_gets_the_refund_of_the_job_it_goes_on_with(
    provider: OpenAISimulator, shop: Database
) -> None:
    """The refund was made and the record of it lost; the dead letter is sent again with what it has finished."""
    provider.will(TO_REFUND, REFUND, DONE)
    memory = Memory(dies_before=5)
    await memory.attempt(support_request, REFUND_10003)
    assert refunds(shop) == 1
    memory.resume_as("job-2")
    result = await memory.attempt(support_request, REFUND_10003)
    assert [action.type for action in result.actions] == ["refund"]


async def test_a_conversation_that_went_on_meanwhile_does_not_change_the_job(provider: OpenAISimulator) -> None:
    provider.will(TO_REFUND, Fault.error(503, "overloaded"), TO_REFUND, Text("Other."), DONE)
    mine, other = Memory("job-1"), Memory("job-2")
    request = REFUND_10003.model_copy(update={"conversation_id": "talk"})
    with pytest.raises(ModelFailure):
        await mine.attempt(support_request, request)
    await other.finish(
        support_request, SupportRequest(message="What else?", conversation_id="talk", customer_id="cust-3")
    )
    await mine.finish(support_request, request)
    assert provider.requests[-1].texts("user") == [REFUND_10003.message]


async def test_the_turn_after_a_question_is_kept_whole(shop: Database) -> None:
    for job, message in enumerate(["I want my money back", "It is 10003", "And where is 10005?"]):
        await Memory(f"job-{job}").finish(
            support_request, SupportRequest(message=message, conversation_id="talk", customer_id="cust-3")
        )
    with JobClient(settings=MEMORIES.settings) as client:
        kept = client.conversations.get("talk", tenant="default").turns
    assert ["It is 10003" in str(turn.messages) for turn in kept] == [False, True, False]


# Hand-over


@pytest.mark.parametrize("write", range(2, WRITES - 1))
async def test_a_worker_that_ends_hands_the_job_over_at_the_next_turn(
    provider: OpenAISimulator, shop: Database, write: int
) -> None:
    provider.will(TO_REFUND, LOOK_UP, REFUND, DONE)
    memory = Memory(drains_at=write)
    result = await memory.finish(support_request, REFUND_10003)
    assert (memory.attempts, len(provider.requests), refunds(shop)) == (2, 4, 1)
    assert result.answer == with_receipt(DONE.text)


# Approval


async def waiting(memory: Memory, request: SupportRequest = REFUND_10001) -> None:
    assert await memory.attempt(support_request, request) is None
    assert memory.asks


async def test_a_large_refund_waits_for_a_person_with_the_facts(shop: Database) -> None:
    memory = Memory()
    await waiting(memory)
    (ask,) = memory.asks
    assert (ask.prompt, ask.facts["amount_cents"]) == ("Refund 258.00 EUR for order 10001?", 25_800)
    assert (ask.on_timeout, ask.expires_in_s) == ("deny", 172_800)
    assert ask.human_only
    assert refunds(shop) == 0


async def test_an_approved_refund_is_made_once(shop: Database) -> None:
    memory = Memory()
    await waiting(memory)
    memory.answer(decision="approve", by="ada")
    result = await memory.attempt(support_request, REFUND_10001)
    assert "Order 10001 is refunded" in result.answer
    assert refunds(shop) == 1
    assert (result.usage.requests, result.usage.tool_calls) == (4, 2)


async def test_a_denied_refund_is_not_made_and_the_customer_hears_why(shop: Database) -> None:
    memory = Memory()
    await waiting(memory)
    memory.answer(decision="deny", note="The lamp was broken by the customer.")
    result = await memory.attempt(support_request, REFUND_10001)
    assert "The lamp was broken by the customer." in result.answer
    assert (refunds(shop), result.actions) == (0, [])


async def test_a_refund_about_which_nobody_decides_is_not_made(shop: Database) -> None:
    memory = Memory()
    await waiting(memory)
    memory.nobody_answers()
    result = await memory.attempt(support_request, REFUND_10001)
    assert "nobody answered in time" in result.answer
    assert refunds(shop) == 0


async def test_several_refunds_of_one_response_are_asked_about_together(
    provider: OpenAISimulator, shop: Database
) -> None:
    memory = Memory()
    numbers = (10001, 10003, 10013)
    calls = tuple(("refund_order", {"order_number": number, "reason": "?"}) for number in numbers)
    provider.will(TO_REFUND, Calls(calls), DONE)
    with shop.of("default").write() as session:
        mine = update(Order).where(Order.number.in_(numbers))
        session.execute(mine.values(customer_id="cust-1"))
    both = SupportRequest(message="refund 10001 and 10003 and 10013 please", customer_id="cust-1")
    await waiting(memory, both)
    assert {ask.facts["order_number"] for ask in memory.asks} == {10001, 10013}
    assert refunds(shop) == 1, "the small one needs nobody"
    memory.answer(decision="approve")
    result = await memory.attempt(support_request, both)
    assert len(result.actions) == refunds(shop) == 3


async def test_nobody_is_asked_twice(provider: OpenAISimulator) -> None:
    provider.will(TO_REFUND, call("refund_order", order_number=10001, reason="?"), DONE)
    memory = Memory()
    await waiting(memory)
    memory.answer(decision="approve")
    memory.dies_before = memory.writes + 2
    assert await memory.attempt(support_request, REFUND_10001) is None
    assert memory.asks == []
    assert (await memory.attempt(support_request, REFUND_10001)).answer.startswith(DONE.text)
    assert len(provider.requests) == 3


@pytest.mark.parametrize("write", range(1, WRITES))
async def test_a_crash_at_any_write_changes_nothing_about_an_approval(shop: Database, write: int) -> None:
    memory = Memory(dies_before=write)
    while (result := await memory.attempt(support_request, REFUND_10001)) is None:
        memory.answer(decision="approve")
        assert memory.attempts < 5
    assert refunds(shop) == 1
    assert result.actions


async def test_a_hand_over_beside_a_refund_that_waits_comes_after_it(provider: OpenAISimulator, shop: Database) -> None:
    refund_and_leave = Calls(
        (
            ("refund_order", {"order_number": 10001, "reason": "?"}),
            ("hand_over", {"to": "billing", "reason": "the invoice"}),
        )
    )
    provider.will(TO_REFUND, refund_and_leave, DONE)
    memory = Memory()
    await waiting(memory)
    memory.answer(decision="approve")
    result = await memory.attempt(support_request, REFUND_10001)
    assert (result.path, refunds(shop)) == (["triage", "refund", "billing"], 1)
    assert len(provider.requests) == 3


async def test_the_limit_is_a_setting(shop: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_REFUND_APPROVAL_OVER_CENTS", "30000")
    reset()
    assert (await Memory().finish(support_request, REFUND_10001)).actions
    assert refunds(shop) == 1

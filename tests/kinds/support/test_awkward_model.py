"""Models and servers that do not do as they should: refused, garbled, cut off, or a text in place of a choice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from backdesk.agents.runtime.continued import rest
from backdesk.client import JobClient
from backdesk.kinds.support.contract import SupportRequest
from backdesk.kinds.support.kind import support_request
from backdesk.platform.database import Database
from backdesk.platform.deployment import reset
from backdesk.shop.tables import Refund
from backdesk.worker.attempt.registry import spec_of
from tests.kinds.support.waived import WAIVING
from tests.support.memories import MEMORIES
from tests.support.memory import Memory
from tests.support.openai_simulator import Calls, OpenAISimulator, Refusal, Reply, Text, call
from tests.support.recording import Recording

REQUEST = SupportRequest(message="Money back for 10003, please", customer_id="cust-3", conversation_id="talk")
TO_REFUND = call("hand_over", to="refund", reason="wants money back")
REFUND = call("refund_order", order_number=10003, reason="?")
DONE = Text("Your parcel is on its way.")
GARBLED = Calls((("hand_over", '{"to": ['),))


@pytest.fixture(autouse=True)
def _without_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    """A team that says what its model says, and asks nobody before a refund."""
    agents = tuple(replace(card, quality=None) for card in WAIVING.agents)
    monkeypatch.setattr("backdesk.kinds.support.kind.SUPPORT", replace(WAIVING, agents=agents))


@pytest.fixture(params=["chat", "responses"], autouse=True)
def _api(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, provider: OpenAISimulator) -> None:
    """By both APIs of the provider."""
    if request.param == "responses":
        monkeypatch.setenv("BACKDESK_MODEL", "responses:gpt-4o-mini")
        reset()


@pytest.fixture(params=[False, True], ids=["plain", "streamed"])
def memory(request: pytest.FixtureRequest) -> Memory:
    memory = Memory()
    memory.sink = Recording(watched=request.param)
    return memory


async def serve(memory: Memory, request: SupportRequest = REQUEST) -> Any:
    """Attempt a job until it is answered, as the engine does."""
    while (result := await memory.serve(spec_of(support_request), request)) is None:
        assert memory.attempts < 9, "the job does not come to an end"
    streamed = "".join(memory.sink.tokens)
    assert not memory.sink.watched or result.degraded or streamed.endswith(result.answer)
    return result


def kept() -> str:
    with JobClient(settings=MEMORIES.settings) as client:
        return str(client.conversations.get("talk", tenant="default").turns[-1].messages)


# What is refused


@pytest.mark.parametrize("refusal", [Refusal(), Text("Your parcel", filtered=True), Text("", filtered=True)])
async def test_what_is_refused_is_asked_for_twice_and_the_customer_hears_of_it(
    provider: OpenAISimulator, memory: Memory, refusal: Reply
) -> None:
    provider.will(TO_REFUND, REFUND, refusal, refusal)
    result = await serve(memory)
    assert (len(provider.requests), memory.attempts) == (4, 2)
    assert memory.degraded is not None
    assert memory.degraded.code == "model_refused"
    assert [action.type for action in result.actions] == ["refund", "escalation"]


async def test_a_refusal_is_not_replayed(provider: OpenAISimulator, memory: Memory) -> None:
    provider.will(Refusal(), TO_REFUND, Refusal(), DONE)
    result = await serve(memory)
    assert (result.answer, result.degraded, memory.attempts) == (DONE.text, None, 3)
    assert "cannot help" not in str([request.body for request in provider.requests])


async def test_what_is_garbled_again_and_again_is_asked_for_in_two_attempts(
    provider: OpenAISimulator, memory: Memory
) -> None:
    provider.will(*[GARBLED] * 20)
    result = await serve(memory)
    assert (memory.attempts, result.degraded) == (2, "fallback_answer")
    assert len(provider.requests) == 6


async def test_the_next_attempt_does_not_see_what_was_garbled(provider: OpenAISimulator, memory: Memory) -> None:
    provider.will(*[GARBLED] * 3, TO_REFUND, DONE)
    assert (await serve(memory)).answer == DONE.text
    assert memory.attempts == 2
    assert provider.requests[-2].called == []


async def test_a_response_of_which_a_tool_was_called_is_gone_on_with_whatever_else_it_holds(
    provider: OpenAISimulator, memory: Memory, shop: Database
) -> None:
    """Asked anew the model would call by another id, and nobody would know that it is the same call."""
    both = Calls((("refund_order", {"order_number": 10003, "reason": "?"}), ("look_up_order", "[1")))
    provider.will(TO_REFUND, *[both] * 9)
    result = await serve(memory)
    assert [action.type for action in result.actions] == ["refund", "escalation"]
    with shop.of_all_tenants().read() as session:
        assert len(session.scalars(select(Refund).where(Refund.key != "")).all()) == 1


# Ids


async def test_calls_of_one_response_that_have_the_same_id_are_all_made(
    provider: OpenAISimulator, memory: Memory
) -> None:
    both = Calls((*REFUND.calls, ("look_up_order", {"order_number": 10005})), call_id="call_0")
    provider.will(TO_REFUND, both, DONE)
    result = await serve(memory)
    assert [action.type for action in result.actions] == ["refund"]
    assert [data["outcome"] for data in memory.sink.of("tool_returned")] == ["success", "success"]
    assert (memory.attempts, len(provider.requests)) == (1, 3)


# A text where a choice was required


@pytest.mark.parametrize("question", ["Which order is it about?", "どのご注文でしょうか。", "哪个订单\uff1f"])
async def test_a_text_that_asks_is_taken_as_a_question(
    provider: OpenAISimulator, memory: Memory, question: str
) -> None:
    provider.will(Text(question))
    result = await serve(memory)
    assert (result.answer, result.clarifying, result.degraded) == (question, True, None)
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    "text",
    [
        "I will hand this over to refund.",
        '{"to": "refund", "reason": "wants money back"}',
        '```json\n{"name": "hand_over", "arguments": {"to": "refund", "reason": "?"}}\n```',
    ],
)
async def test_a_text_that_names_a_colleague_is_taken_as_a_hand_over(
    provider: OpenAISimulator, memory: Memory, text: str
) -> None:
    provider.will(Text(text), DONE)
    result = await serve(memory)
    assert (result.answer, result.path) == (DONE.text, ["triage", "refund"])
    assert len(provider.requests) == 2


async def test_any_other_text_is_taken_as_an_answer_when_it_comes_again(
    provider: OpenAISimulator, memory: Memory
) -> None:
    thanks = Text("Thank you for telling us, and have a nice day.")
    provider.will(thanks, thanks)
    result = await serve(memory)
    assert (result.answer, result.clarifying, result.degraded) == (thanks.text, False, None)
    assert len(provider.requests) == 2
    assert "have to" not in "".join(memory.sink.tokens)


# What is cut off


@pytest.mark.parametrize(
    "second",
    [
        " is on its way, refund R-10003.",
        "parcel is on its way, refund R-10003.",
        "Your parcel is on its way, refund R-10003.",
    ],
)
async def test_an_answer_that_is_cut_off_is_gone_on_with_and_joined(
    provider: OpenAISimulator, memory: Memory, second: str
) -> None:
    provider.will(TO_REFUND, Text("Your parcel", cut_off=True), Text(second))
    result = await serve(memory)
    assert (result.answer, result.truncated) == ("Your parcel is on its way, refund R-10003.", False)
    assert "".join(memory.sink.tokens) in {"", result.answer}
    assert result.answer in kept()
    assert "cut off" not in kept()


async def test_one_that_is_cut_off_again_is_marked(provider: OpenAISimulator, memory: Memory) -> None:
    provider.will(TO_REFUND, Text("Your parcel", cut_off=True), Text("is on its way,", cut_off=True))
    result = await serve(memory)
    assert (result.answer, result.truncated) == ("Your parcel is on its way,", True)
    assert len(provider.requests) == 3


async def test_one_that_nothing_more_may_be_asked_for_is_marked(
    provider: OpenAISimulator, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_MAX_MODEL_REQUESTS", "2")
    reset()
    provider.will(TO_REFUND, Text("Your parcel", cut_off=True))
    result = await serve(memory)
    assert (result.answer, result.truncated, result.degraded) == ("Your parcel", True, None)


async def test_no_gate_lets_an_answer_pass_that_is_cut_off(
    provider: OpenAISimulator, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backdesk.kinds.support.kind.SUPPORT", WAIVING)
    cut_off = (Text("Order 10003 can be", cut_off=True), Text(" sent back within", cut_off=True))
    short = Text("Order 10003 was delivered, and you can send it back.")
    provider.will(TO_REFUND, call("look_up_order", order_number=10003), *cut_off, short)
    result = await serve(memory)
    assert (result.answer, result.truncated, result.quality.corrections) == (short.text, False, 1)
    assert "far fewer words" in str(provider.requests[-1].body)


@pytest.mark.parametrize(
    ("first", "second", "added"),
    [
        ("We are", "sorry.", " sorry."),
        ("We are ", "sorry.", "sorry."),
        ("We are", " sorry.", " sorry."),
        ("Die Bestel", "Die Bestellung kommt.", "lung kommt."),
        ("ご注文は", "発送済みです。", "発送済みです。"),
        ("one two three", "two three four", " four"),
    ],
)
def test_texts_are_joined_where_they_belong_together(first: str, second: str, added: str) -> None:
    assert rest(first, second) == added


# The stream itself


async def test_characters_that_arrive_in_pieces_are_whole(provider: OpenAISimulator, memory: Memory) -> None:
    provider.piece_bytes, provider.usage = 1, None
    answer = Text("Ihr Geld ist unterwegs: お金は返金されました, 78 €.")
    provider.will(TO_REFUND, answer)
    result = await serve(memory)
    assert result.answer == answer.text
    assert result.usage.requests == 2

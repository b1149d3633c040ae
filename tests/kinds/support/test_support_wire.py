"""Support requests over HTTP: the same agents against a server that speaks the Chat Completions API."""

from __future__ import annotations

import asyncio
import json

import pytest

from backdesk.agents.failures import ModelFailure
from backdesk.kinds.support.contract import SupportRequest
from backdesk.kinds.support.kind import support_request
from backdesk.platform.deployment import reset
from tests.kinds.support.asking import ask
from tests.kinds.support.receipts import with_receipt
from tests.support.openai_simulator import (
    Calls,
    CutStream,
    Fault,
    OpenAISimulator,
    Silence,
    Text,
    call,
)
from tests.support.recording import Recording, context_of

pytestmark = pytest.mark.usefixtures("waived")

TO_REFUND = call("hand_over", to="refund", reason="wants money back for 10003")
REFUND = call("refund_order", order_number=10003, reason="changed my mind")
DONE = Text("Your parcel is on its way.")


@pytest.mark.parametrize("watched", [False, True])
async def test_a_refund_goes_through_handoff_and_tools(provider: OpenAISimulator, watched: bool) -> None:
    provider.will(TO_REFUND, call("look_up_order", order_number=10003), REFUND, DONE)
    sink = Recording(watched=watched)
    result = await ask("refund 10003", sink=sink)
    assert result.answer == with_receipt(DONE.text)
    assert result.path == ["triage", "refund"]
    assert [action.type for action in result.actions] == ["refund"]
    assert not result.offline
    assert {request.streamed for request in provider.requests} == {watched}
    assert "".join(sink.tokens) == result.answer


async def test_streaming_is_decided_for_each_request(provider: OpenAISimulator) -> None:
    provider.will(TO_REFUND, REFUND, DONE)
    watching = iter([False, True, False])
    await ask("refund 10003", sink=Recording(watched=lambda: next(watching)))
    assert [request.streamed for request in provider.requests] == [False, True, False]


async def test_the_conversation_goes_over_to_the_specialist(provider: OpenAISimulator) -> None:
    provider.will(TO_REFUND, DONE)
    await ask("refund 10003, I am Ada")
    specialist = provider.requests[1]
    assert specialist.texts("user") == ["refund 10003, I am Ada"]
    assert [message["role"] for message in specialist.body["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
    ]


async def test_the_specialist_has_its_own_prompt_and_tools_and_knows_why(provider: OpenAISimulator) -> None:
    provider.will(TO_REFUND, DONE)
    await ask("refund 10003", customer_id="cust-3")
    triage, specialist = provider.requests
    assert triage.tools == {"ask_customer", "hand_over"}
    assert specialist.tools == {"look_up_order", "refund_order", "open_ticket", "escalate", "ask_customer", "hand_over"}
    system = "\n".join(specialist.texts("system"))
    assert "refund specialist" in system
    assert "first contact" not in system
    assert "wants money back for 10003" in system
    assert "cust-3" in system


async def test_a_specialist_may_hand_on(provider: OpenAISimulator) -> None:
    provider.will(TO_REFUND, call("hand_over", to="technical", reason="wants help first"), Text("Press the button."))
    result = await ask("it broke")
    assert result.path == ["triage", "refund", "technical"]


async def test_the_last_agent_in_line_cannot_hand_on(
    provider: OpenAISimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_MAX_HANDOFFS", "1")
    reset()
    provider.will(TO_REFUND, DONE)
    await ask("refund 10003")
    assert "hand_over" in provider.requests[0].tools
    assert "hand_over" not in provider.requests[1].tools


async def test_a_handoff_to_nobody_is_corrected_by_the_model(provider: OpenAISimulator) -> None:
    provider.will(call("hand_over", to="the boss", reason="?"), TO_REFUND, DONE)
    result = await ask("refund 10003")
    assert result.path == ["triage", "refund"]


async def test_a_clarifying_question_is_continued_with_all_that_was_said(provider: OpenAISimulator) -> None:
    asks = call("ask_customer", question="Which order?")
    provider.will(asks, asks, TO_REFUND, DONE)
    question = await ask("money back", "job-1", conversation_id="talk")
    await ask("of my order", "job-2", conversation_id="talk")
    await ask("10003", "job-3", conversation_id="talk")
    assert (question.clarifying, question.answer) == (True, "Which order?")
    continued = provider.requests[2]
    assert continued.texts("user") == ["money back", "of my order", "10003"]
    assert "Which order?" in json.dumps(continued.body["messages"])
    assert "ask_customer" not in continued.tools


async def test_a_third_job_sees_both_turns_once(provider: OpenAISimulator) -> None:
    for number in (1, 2, 3):
        provider.will(TO_REFUND, Text(f"Answer {number}"))
        await ask(f"message {number}", f"job-{number}", conversation_id="talk")
    last = provider.requests[-1]
    assert last.texts("user") == ["message 1", "message 2", "message 3"]
    assert [text for text in last.texts("assistant") if text.startswith("Answer")] == ["Answer 1", "Answer 2"]


async def test_tools_that_are_called_together_both_answer(provider: OpenAISimulator) -> None:
    both = Calls((("look_up_order", {"order_number": 10003}), ("look_up_payments", {"order_number": 10003})))
    provider.will(call("hand_over", to="billing", reason="?"), both, Text("All paid."))
    sink = Recording(watched=True)
    await ask("did I pay 10003?", sink=sink)
    assert len(sink.of("tool_returned")) == 2
    assert len([message for message in provider.requests[2].body["messages"] if message["role"] == "tool"]) == 3


async def test_arguments_that_do_not_fit_are_corrected_by_the_model(provider: OpenAISimulator) -> None:
    provider.will(TO_REFUND, call("look_up_order", order_number="the blue one"), DONE)
    sink = Recording()
    result = await ask("refund the blue one", sink=sink)
    assert [data["outcome"] for data in sink.of("tool_returned")] == ["retried"]
    assert result.answer == DONE.text


async def test_arguments_that_are_no_json_do_not_break_the_report(provider: OpenAISimulator) -> None:
    provider.will(TO_REFUND, Calls((("look_up_order", '{"order_number": 100'),)), DONE)
    sink = Recording(watched=True)
    result = await ask("refund 10003", sink=sink)
    assert result.answer == DONE.text
    assert len(sink.of("tool_called")) == 1


async def test_usage_is_what_the_provider_reported(provider: OpenAISimulator) -> None:
    provider.will(TO_REFUND, REFUND, DONE)
    result = await ask("refund 10003", sink=Recording(watched=True))
    assert result.usage.model_dump() == {
        "requests": 3,
        "input_tokens": 30,
        "output_tokens": 15,
        "tool_calls": 1,
        "cost_usd": None,  # nobody knows what this address asks for it
        "cached_requests": 0,
    }


async def test_a_job_that_asks_too_much_of_the_model_fails(
    provider: OpenAISimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_MAX_MODEL_REQUESTS", "3")
    reset()
    provider.will(TO_REFUND, *[call("look_up_order", order_number=10003)] * 9)
    assert await _failure() == ("usage_limit", None)
    assert len(provider.requests) == 3


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize(
    ("reply", "code", "retry_after"),
    [
        (Fault.error(429, "rate_limit_exceeded", Retry_After="7"), "model_rate_limit", 7.0),
        (Fault.error(429, "rate_limit_exceeded"), "model_rate_limit", None),
        (Fault.error(429, "insufficient_quota"), "model_quota", None),
        (Fault.error(401, "invalid_api_key"), "model_auth", None),
        (Fault.error(404, "model_not_found"), "model_not_found", None),
        (Fault.error(400, "invalid_request"), "model_rejected", None),
        (Fault.error(500, "server_error"), "model_unavailable", None),
        (Fault.error(503, "overloaded"), "model_unavailable", None),
    ],
)
async def test_an_error_of_the_provider_has_its_code(
    provider: OpenAISimulator, reply: Fault, code: str, retry_after: float | None, watched: bool
) -> None:
    provider.will(reply)
    assert await _failure(watched) == (code, retry_after)
    assert len(provider.requests) == 1, "the client must not repeat on its own"


async def test_an_answer_that_is_a_web_page_is_misbehaviour(provider: OpenAISimulator) -> None:
    provider.will(Fault(200, "<html>maintenance</html>", content_type="text/html"))
    assert (await _failure())[0] in ("model_misbehaved", "model_unavailable")


async def test_an_answer_that_is_cut_off_is_unavailability(provider: OpenAISimulator) -> None:
    provider.will(Fault(200, '{"id": "x", "choi'))
    assert await _failure() == ("model_unavailable", None)


async def test_a_stream_that_is_cut_off_is_unavailability(provider: OpenAISimulator) -> None:
    provider.will(TO_REFUND, CutStream("Your money is"))
    assert await _failure(watched=True) == ("model_unavailable", None)


async def test_a_model_that_does_not_answer_is_a_timeout(
    provider: OpenAISimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_MODEL_SILENCE_S", "0.2")
    reset()
    provider.will(Silence())
    assert await _failure() == ("model_timeout", None)


@pytest.mark.parametrize("watched", [False, True])
async def test_a_job_that_is_cancelled_lets_go_of_the_model(provider: OpenAISimulator, watched: bool) -> None:
    provider.will(TO_REFUND, Silence())
    job = asyncio.create_task(ask("refund 10003", sink=Recording(watched=watched)))
    await asyncio.to_thread(provider.silent.wait)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job


async def test_a_provider_that_is_not_there_is_unavailability(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    reset()
    assert await _failure() == ("model_unavailable", None)


async def test_a_model_that_never_hands_over_properly_misbehaves(provider: OpenAISimulator) -> None:
    provider.will(*[call("hand_over", to="the boss", reason="?")] * 3)
    assert await _failure() == ("model_misbehaved", None)


async def test_a_failure_says_nothing_that_the_provider_wrote(provider: OpenAISimulator) -> None:
    provider.will(Fault.error(401, "invalid_api_key", "Incorrect API key: sk-secret-of-the-test"))
    with pytest.raises(ModelFailure) as caught:
        await ask("refund 10003")
    assert "sk-" not in str(caught.value)
    assert caught.value.__cause__ is not None


async def test_what_was_used_before_a_failure_is_counted(provider: OpenAISimulator) -> None:
    provider.will(TO_REFUND, Fault.error(500, "server_error"))
    context = context_of(Recording())
    with pytest.raises(ModelFailure):
        await support_request(context, SupportRequest(message="refund 10003", customer_id="cust-3"))
    assert (context.usage.requests, context.usage.input_tokens) == (1, 10)


async def test_a_local_server_needs_no_key(provider: OpenAISimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    reset()
    provider.will(TO_REFUND, DONE)
    assert (await ask("refund 10003")).answer == DONE.text


async def test_the_model_of_the_settings_is_asked_with_the_key(
    provider: OpenAISimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_MODEL", "local-llama")
    reset()
    provider.will(TO_REFUND, DONE)
    result = await ask("refund 10003")
    assert {request.body["model"] for request in provider.requests} == {"local-llama"}
    assert provider.requests[0].headers["authorization"] == "Bearer sk-secret-of-the-test"
    assert result.model == "local-llama"


async def test_the_prefix_chooses_the_responses_api(provider: OpenAISimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_MODEL", "responses:gpt-4o-mini")
    reset()
    await _failure()
    assert provider.requests[0].path == "/v1/responses"
    assert provider.requests[0].body["model"] == "gpt-4o-mini"


async def _failure(watched: bool = False) -> tuple[str, float | None]:
    with pytest.raises(ModelFailure) as caught:
        await ask("refund 10003", sink=Recording(watched=watched))
    return caught.value.code, caught.value.retry_after_s

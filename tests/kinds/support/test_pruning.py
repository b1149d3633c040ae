"""What a model gets to see of a long conversation: the newest, in pieces that make sense by themselves."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from pydantic_ai import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from backdesk.agents.memory import MemoryPolicy
from backdesk.agents.runtime import pruned
from backdesk.client import JobClient
from backdesk.kinds.support.kind import SUPPORT
from tests.kinds.support.asking import ask
from tests.support.memories import MEMORIES
from tests.support.openai_simulator import OpenAISimulator, Text, call

TO_REFUND = call("hand_over", to="refund", reason="?")
Messages = list[ModelMessage]


def prompt(text: str) -> ModelRequest:
    return ModelRequest(parts=[UserPromptPart(text)])


def reply(text: str) -> ModelResponse:
    return ModelResponse(parts=[TextPart(text)])


def calls(*ids: str) -> ModelResponse:
    return ModelResponse(parts=[ToolCallPart("look_up", {"n": 1}, tool_call_id=each) for each in ids])


def results(*ids: str) -> ModelRequest:
    return ModelRequest(parts=[ToolReturnPart("look_up", "found", tool_call_id=each) for each in ids])


def exchange(name: str, tools: int = 0) -> Messages:
    """What a customer wrote and what it came to, by way of so many calls of tools, one after the other."""
    steps = [message for n in range(tools) for message in (calls(f"{name}{n}"), results(f"{name}{n}"))]
    return [prompt(name), *steps, reply(f"{name}!")]


def keep(past: Messages, *, messages: int = 40, tokens: int = 8000) -> Messages:
    return pruned(past, MemoryPolicy(messages, tokens), lambda chars: chars)


def names(messages: Messages) -> list[str]:
    return [_name(part) for message in messages for part in message.parts]


def _name(part: Any) -> str:
    return str(getattr(part, "tool_call_id", None) or part.content)


def test_what_there_is_room_for_stays_as_it_is() -> None:
    past: Messages = [*exchange("a", tools=2), *exchange("b")]
    assert keep(past) == past
    assert keep(past, messages=8, tokens=1_000) == past
    assert keep([]) == []


def test_the_newest_exchanges_are_kept_whole() -> None:
    past: Messages = [*exchange("a"), *exchange("b"), *exchange("c")]
    assert names(keep(past, messages=4)) == ["b", "b!", "c", "c!"]
    assert names(keep(past, messages=5)) == ["b", "b!", "c", "c!"]


def test_tokens_count_as_messages_do() -> None:
    past: Messages = [prompt("x" * 90), reply("y" * 9), prompt("x" * 9), reply("y" * 91)]
    assert keep(past, tokens=100) == past[2:]
    assert keep(past, tokens=99) == []
    assert keep(past, tokens=199) == past


def test_the_arguments_of_tools_count_too() -> None:
    lengthy = ModelResponse(parts=[ToolCallPart("look_up", {"text": "x" * 200}, tool_call_id="1")])
    past: Messages = [prompt("a"), lengthy, results("1"), reply("b")]
    assert names(keep(past, tokens=200)) == ["a", "b"]
    assert keep(past, tokens=300) == past


def test_a_long_exchange_keeps_its_newest_steps_and_what_opened_it() -> None:
    past = exchange("a", tools=3)
    assert names(keep(past, messages=4)) == ["a", "a2", "a2", "a!"]
    assert names(keep(past, messages=5)) == ["a", "a2", "a2", "a!"]
    assert names(keep(past, messages=2)) == ["a", "a!"]
    assert keep(past, messages=1) == []


def test_calls_made_together_stay_together_with_all_results() -> None:
    past: Messages = [prompt("a"), calls("1", "2"), results("1"), results("2"), reply("b")]
    assert names(keep(past, messages=4)) == ["a", "b"]
    assert names(keep(past, messages=5)) == ["a", "1", "2", "1", "2", "b"]


def test_words_behind_the_results_of_tools_open_an_exchange_of_their_own() -> None:
    joined = ModelRequest(parts=[*results("1").parts, UserPromptPart("b")])
    past: Messages = [prompt("a"), calls("1"), joined, reply("b!")]
    assert names(keep(past, messages=2)) == ["b", "b!"]
    assert names(keep(past, messages=5)) == ["a", "1", "1", "b", "b!"]


def test_a_message_that_nobody_answered_is_kept_as_any_other() -> None:
    past: Messages = [*exchange("a"), prompt("b"), *exchange("c")]
    assert names(keep(past, messages=3)) == ["b", "c", "c!"]
    assert names(keep(past, messages=2)) == ["c", "c!"]


def test_whatever_the_conversation_no_call_is_without_its_result_and_no_bound_is_exceeded() -> None:
    chance = random.Random(7)
    for _ in range(300):
        past = [m for n in range(chance.randint(0, 6)) for m in exchange(f"e{n}-", tools=chance.randint(0, 4))]
        policy = {"messages": chance.randint(0, 30), "tokens": chance.randint(0, 300)}
        kept = keep(past, **policy)
        called = [part.tool_call_id for m in kept for part in m.parts if isinstance(part, ToolCallPart)]
        returned = [part.tool_call_id for m in kept for part in m.parts if isinstance(part, ToolReturnPart)]
        assert called == returned
        assert len(kept) <= policy["messages"]
        assert sum(len(name) for name in names([m for m in kept if not called])) <= policy["tokens"]
        assert [m for m in past if m in kept] == kept, "out of order"
        assert not kept or (isinstance(kept[0].parts[0], UserPromptPart) and kept[-1] is past[-1])


@pytest.mark.parametrize("policy", [{"max_messages": -1}, {"max_tokens": -1}])
def test_a_bound_below_nothing_is_refused(policy: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="less than nothing"):
        MemoryPolicy(**policy)


# In a job


async def test_the_model_gets_the_newest_turns_its_instructions_and_the_whole_message(
    provider: OpenAISimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backdesk.kinds.support.kind.SUPPORT", replace(SUPPORT, memory=MemoryPolicy(max_messages=4)))
    for number in range(1, 4):
        provider.will(TO_REFUND, Text(f"Answer {number}"))
        await ask(f"message {number}", f"job-{number}", conversation_id="talk")
    provider.will(TO_REFUND, call("look_up_order", order_number=10003), Text("Answer 4"))
    await ask("message 4", "job-4", conversation_id="talk")

    last = provider.requests[-1]
    assert last.texts("user") == ["message 3", "message 4"]
    assert [text for text in last.texts("assistant") if text.startswith("Answer")] == ["Answer 3"]
    assert "refund specialist" in "\n".join(last.texts("system"))
    assert last.called[-2:] == ["hand_over", "look_up_order"], "the current turn is never cut"


async def test_what_is_kept_stays_whole(provider: OpenAISimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backdesk.kinds.support.kind.SUPPORT", replace(SUPPORT, memory=MemoryPolicy(max_messages=0)))
    for number in (1, 2):
        provider.will(TO_REFUND, Text(f"Answer {number}"))
        await ask(f"message {number}", f"job-{number}", conversation_id="talk")
    assert provider.requests[-1].texts("user") == ["message 2"]
    with JobClient(settings=MEMORIES.settings) as client:
        turns = client.conversations.get("talk", tenant="default").turns
    assert ["message 1" in json.dumps(turn.messages) for turn in turns] == [True, False]
    assert ["Answer 2" in json.dumps(turn.messages) for turn in turns] == [False, True]

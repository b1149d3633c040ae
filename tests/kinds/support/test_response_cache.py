"""Answers of a model that are kept: the very same request costs nothing the second time, and nothing wrong is kept."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from pydantic_ai import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelSettings,
    RequestUsage,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.messages import InstructionPart
from pydantic_ai.models import ModelRequestContext, ModelRequestParameters

from backdesk.agents.card import ResponseCache
from backdesk.agents.runtime import scripted_model
from backdesk.agents.runtime.cached import request_key
from backdesk.kinds.support.kind import SUPPORT
from backdesk.kinds.support.rules import decide
from backdesk.quality import QualityGate
from backdesk.quality.appropriateness import BannedWords
from backdesk.shop.testing import sample_shop
from backdesk.testing import Bench, BenchJob, Call, Fail, Say, scripted
from tests.kinds.support.asking import ask
from tests.support.openai_simulator import OpenAISimulator, Text, call
from tests.support.recording import Recording

TO_BILLING = Call("hand_over", {"to": "billing", "reason": "asks for an order"})
ON_ITS_WAY = Say("It is on its way, Ada.")
LOOK_UP = Call("look_up_order", {"order_number": 10005})
WHERE = "Where is my order 10005?"


@pytest.fixture(autouse=True)
def caching(monkeypatch: pytest.MonkeyPatch) -> None:
    """All agents of the support team have their answers kept."""
    agents = tuple(replace(card, cache=ResponseCache(ttl_s=60)) for card in SUPPORT.agents)
    monkeypatch.setattr("backdesk.kinds.support.kind.SUPPORT", replace(SUPPORT, agents=agents))


@pytest.fixture
def bench() -> Iterator[Bench]:
    with sample_shop(), Bench() as bench:
        yield bench


def run(bench: Bench, message: str = WHERE, *, customer: str | None = "cust-3", **options: Any) -> BenchJob:
    return bench.run("support.request", {"message": message, "customer_id": customer}, **options)


# What is answered from the cache


@pytest.mark.parametrize("watched", [False, True])
def test_the_same_request_is_answered_without_the_model(bench: Bench, watched: bool) -> None:
    bench.watched = watched
    with scripted(TO_BILLING, LOOK_UP, ON_ITS_WAY, cost_usd=0.5) as model:
        first, second = run(bench), run(bench)
        assert len(model.requests) == 3
    assert second.result.answer == first.result.answer == ON_ITS_WAY.answer
    assert second.result.path == ["triage", "billing"]
    assert first.text == second.text == (ON_ITS_WAY.answer if watched else "")


def test_an_answer_of_the_cache_costs_nothing_and_is_told(bench: Bench) -> None:
    with scripted(TO_BILLING, LOOK_UP, ON_ITS_WAY, cost_usd=0.5, name="dear"):
        first, second = run(bench), run(bench)
    assert (first.result.usage.cost_usd, first.result.usage.cached_requests, first.of("cache_hit")) == (1.5, 0, [])
    used = second.result.usage
    assert (used.requests, used.cached_requests, used.tool_calls) == (3, 3, 1)
    assert (used.input_tokens, used.output_tokens, used.cost_usd) == (0, 0, 0.0)
    assert second.record.usage is not None
    assert second.record.usage.model_dump(exclude={"measures", "variants"}) == used.model_dump()
    assert second.of("cache_hit") == [{"agent": agent, "model": "dear"} for agent in ("triage", "billing", "billing")]
    assert second.result.model == "dear"
    assert [told["cost_usd"] for told in first.of("model_returned")] == [0.5] * 3
    assert [(told["outcome"], told["cached"], told["cost_usd"]) for told in second.of("model_returned")] == [
        ("success", True, 0.0)
    ] * 3


def test_an_answer_of_the_cache_needs_no_budget(bench: Bench) -> None:
    with scripted(TO_BILLING, ON_ITS_WAY, cost_usd=0.5):
        first = run(bench)
        second = run(bench, budget={"tokens": 1, "cost_usd": 0.000001})
        other = run(bench, "And 10006?", budget={"tokens": 1})
    assert second.result.answer == first.result.answer
    assert other.record.degraded is not None
    assert other.record.degraded.code == "budget_exceeded"


def test_tools_are_called_by_each_job(bench: Bench) -> None:
    with scripted(TO_BILLING, LOOK_UP, ON_ITS_WAY):
        jobs = [run(bench), run(bench)]
    assert [[each.name for each in job.tool_calls] for job in jobs] == [["look_up_order"]] * 2


def test_an_answer_is_kept_for_as_long_as_the_card_says(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[float] = []

    async def cache(_self: object, _key: str, _value: bytes, ttl_s: float) -> None:
        kept.append(ttl_s)

    monkeypatch.setattr("backdesk.worker.attempt.context.TaskContext.cache", cache)
    with scripted(TO_BILLING, ON_ITS_WAY):
        run(bench)
    assert kept == [60, 60]


# What is not


@pytest.mark.parametrize(
    "other", [{"customer": "cust-1"}, {"tenant": "other"}, {"message": f"{WHERE} Please."}], ids=str
)
def test_what_differs_in_anything_that_matters_is_asked_anew(bench: Bench, other: dict[str, Any]) -> None:
    with scripted(TO_BILLING, ON_ITS_WAY, TO_BILLING, ON_ITS_WAY) as model:
        run(bench)
        assert run(bench, **other).of("cache_hit") == []
        assert len(model.requests) == 4


def test_another_model_does_not_answer_by_the_words_of_this_one(bench: Bench) -> None:
    for name in ("one", "two"):
        with scripted(TO_BILLING, ON_ITS_WAY, name=name) as model:
            run(bench)
            assert len(model.requests) == 2


def test_a_failure_is_not_kept(bench: Bench) -> None:
    with scripted(Fail("model_unavailable"), TO_BILLING, ON_ITS_WAY) as model:
        job = run(bench)
        assert (job.result.answer, job.of("cache_hit")) == (ON_ITS_WAY.answer, [])
        assert len(model.requests) == 3


def test_an_answer_that_was_refused_is_not_kept_and_what_came_instead_is(bench: Bench) -> None:
    nobody = Call("hand_over", {"to": "the boss", "reason": "?"})
    with scripted(nobody, TO_BILLING, ON_ITS_WAY, nobody, TO_BILLING) as model:
        jobs = [run(bench), run(bench)]
        assert len(model.requests) == 4, "the one that was of no use is asked for again, those after it are known"
    assert [len(job.of("cache_hit")) for job in jobs] == [0, 2]


def test_a_draft_that_did_not_pass_its_review_is_not_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = QualityGate(checks=(BannedWords(),), threshold=0)
    agents = tuple(replace(card, cache=ResponseCache(ttl_s=60), quality=gate) for card in SUPPORT.agents)
    monkeypatch.setattr("backdesk.kinds.support.kind.SUPPORT", replace(SUPPORT, agents=agents))
    with scripted(TO_BILLING, Say("Damn, it is late."), ON_ITS_WAY, ON_ITS_WAY) as model:
        jobs = [run(bench), run(bench)]
        assert len(model.requests) == 4, "the draft is written anew, and passes this time"
    assert [len(job.of("cache_hit")) for job in jobs] == [0, 1]


def test_the_last_answer_of_an_agent_that_did_not_come_to_an_end_is_not_kept(bench: Bench) -> None:
    with scripted(TO_BILLING, *[Call("look_up_order", {"order_number": "the blue one"})] * 6):
        job = run(bench, retry={"attempts": 1})
        assert job.result.degraded == "fallback_answer"
        again = run(bench, retry={"attempts": 1})
    assert len(again.of("cache_hit")) == 1


async def test_an_answer_that_was_cut_off_is_not_kept(
    provider: OpenAISimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A gate would have the answer written anew.
    agents = tuple(replace(card, cache=ResponseCache(ttl_s=60), quality=None) for card in SUPPORT.agents)
    monkeypatch.setattr("backdesk.kinds.support.kind.SUPPORT", replace(SUPPORT, agents=agents))
    cut_off = (Text("It is on its", cut_off=True), Text(" way, to", cut_off=True))
    provider.will(call("hand_over", to="billing", reason="?"), *cut_off, *cut_off)
    for number in (1, 2):
        assert (await ask(WHERE, f"job-{number}")).answer == "It is on its way, to"
    assert len(provider.requests) == 5


@pytest.mark.parametrize("watched", [False, True])
async def test_a_real_provider_is_not_asked_again(provider: OpenAISimulator, watched: bool) -> None:
    provider.will(call("hand_over", to="billing", reason="?"), call("look_up_order", order_number=10005), Text("Yes."))
    results, sinks = [], [Recording(watched=watched), Recording(watched=watched)]
    for number, sink in enumerate(sinks):
        results.append(await ask(WHERE, f"job-{number}", sink=sink))
    assert len(provider.requests) == 3
    assert [result.answer for result in results] == ["Yes.", "Yes."]
    assert ["".join(sink.tokens) for sink in sinks] == ["Yes."] * 2
    assert (results[1].usage.input_tokens, results[1].usage.cached_requests) == (0, 3)


def test_a_value_that_nobody_can_read_is_as_good_as_none(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def cached(_self: object, _key: str) -> bytes:
        return b'[{"kind":"of another version"}]'

    monkeypatch.setattr("backdesk.worker.attempt.context.TaskContext.cached", cached)
    with scripted(TO_BILLING, ON_ITS_WAY):
        assert run(bench).result.answer == ON_ITS_WAY.answer


def test_an_answer_that_is_too_large_to_keep_is_given_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("backdesk.worker.memory.access.LONGEST_TTL_S", 0)  # another reason for which a value is refused
    with caplog.at_level(logging.WARNING), scripted(TO_BILLING, ON_ITS_WAY):
        assert run(bench).result.answer == ON_ITS_WAY.answer
    assert "answer_not_cached" in caplog.text


def test_without_the_cards_leave_nothing_is_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backdesk.kinds.support.kind.SUPPORT", SUPPORT)
    with scripted(TO_BILLING, ON_ITS_WAY, TO_BILLING, ON_ITS_WAY) as model:
        assert [run(bench).of("cache_hit") for _ in range(2)] == [[], []]
        assert len(model.requests) == 4


@pytest.mark.parametrize("ttl_s", [0, -1, 31 * 86_400])
def test_a_time_to_keep_answers_that_is_none_is_refused(ttl_s: float) -> None:
    with pytest.raises(ValueError, match="at most 30 days"):
        ResponseCache(ttl_s=ttl_s)


# What makes two requests the same

MODEL = scripted_model("one", decide, 0.0)


def dialogue(call_id: str = "call_1", args: str | dict[str, Any] = '{"n": 1}', **response: Any) -> list[ModelMessage]:
    return [
        ModelRequest(parts=[UserPromptPart("hello")], run_id=call_id),
        ModelResponse(parts=[ToolCallPart("look_up", args, tool_call_id=call_id)], **response),
        ModelRequest(parts=[ToolReturnPart("look_up", "found", tool_call_id=call_id)]),
    ]


def key(
    messages: Sequence[ModelMessage],
    *,
    instructions: str = "Be kind.",
    tools: Sequence[ToolDefinition] = (ToolDefinition(name="look_up"),),
    **settings: Any,
) -> str:
    parameters = ModelRequestParameters(
        function_tools=[*tools], instruction_parts=[InstructionPart(content=instructions)]
    )
    context = ModelRequestContext(
        model=MODEL.model,
        messages=[*messages],
        model_settings=ModelSettings(**settings),  # type: ignore[typeddict-item]  # those of the cases below
        model_request_parameters=parameters,
    )
    return request_key(MODEL, context)


@pytest.mark.parametrize(
    "same",
    [
        dialogue("call_2"),
        dialogue(args={"n": 1}),
        dialogue(usage=RequestUsage(input_tokens=7), model_name="dated", provider_response_id="r-1"),
        dialogue(metadata={"cost_usd": 1.0}),
    ],
)
def test_what_a_model_cannot_see_makes_no_difference(same: list[ModelMessage]) -> None:
    assert key(same) == key(dialogue())


@pytest.mark.parametrize(
    "other",
    [
        key(dialogue(args={"n": 2})),
        key(dialogue()[:1]),
        key([*dialogue(), ModelResponse(parts=[TextPart("found")])]),
        key(dialogue(), instructions="Be brief."),
        key(dialogue(), tools=[ToolDefinition(name="look_up", description="Looks it up.")]),
        key(dialogue(), tools=[ToolDefinition(name="look_up", parameters_json_schema={"type": "object"})]),
        key(dialogue(), tools=[]),
        key(dialogue(), temperature=0.5),
        request_key(
            scripted_model("two", decide, 0.0),
            ModelRequestContext(
                model=MODEL.model,
                messages=dialogue(),
                model_settings=None,
                model_request_parameters=ModelRequestParameters(),
            ),
        ),
    ],
)
def test_what_a_model_sees_makes_a_difference(other: str) -> None:
    assert other != key(dialogue())


def test_calls_are_told_apart_by_their_order() -> None:
    def both(first: str, second: str, answered: str) -> list[ModelMessage]:
        calls = [ToolCallPart("look_up", {}, tool_call_id=first), ToolCallPart("look_up", {}, tool_call_id=second)]
        return [ModelResponse(parts=calls), ModelRequest(parts=[ToolReturnPart("look_up", "x", tool_call_id=answered)])]

    assert key(both("a", "b", "a")) == key(both("c", "d", "c"))
    assert key(both("a", "b", "a")) != key(both("a", "b", "b"))

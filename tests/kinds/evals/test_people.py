"""What a conversation needs besides its words: a person who approves, a code that was sent, too small a budget."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import backdesk.kinds.evals.kind  # noqa: F401 - the bench runs it by its name
from backdesk.agents import Agent, AgentRequest, AgentResult, Say, Team, agent_task, answer
from backdesk.cli.run.colleague import Colleague
from backdesk.client import JobClient
from backdesk.platform.deployment import deployment
from backdesk.service.apology import apology
from backdesk.testing import Bench
from backdesk.worker.attempt.context import TaskContext

CLERK = Team("clerk", (Agent("clerk", "You repeat."),), rules=lambda now: Say(f"You said {now.message}"))


@agent_task("test.clerk", fallback=apology(AgentResult, CLERK))
async def clerk(ctx: TaskContext, request: AgentRequest) -> AgentResult:
    result = await answer(ctx, CLERK, request)
    if "safe" not in request.message:
        return result
    said = await ctx.approval("safe", "Open the safe?")
    return result.model_copy(update={"answer": "opened" if said.approved else f"denied: {said.note}"})


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench(watched=False) as bench:
        yield bench


def golden(*turns: dict[str, Any]) -> dict[str, Any]:
    return {"name": "safe", "kind": "test.clerk", "turns": list(turns)}


def held(bench: Bench, conversation: dict[str, Any]) -> tuple[list[str], list[int]]:
    """What was answered, and the turns at which nobody was asked who was to decide."""
    job = bench.run("evals.conversation", conversation)
    with JobClient(settings=bench.settings, checks={}) as client:
        colleague = Colleague(client, "default", {job.id: conversation})
        for _ in conversation["turns"]:
            colleague.answer()
            bench.go_on(job)
        return [turn.answer for turn in job.result.turns], colleague.unasked(job.id)


def test_a_colleague_approves_and_denies_as_the_turns_say(bench: Bench) -> None:
    turns = [{"say": "The safe", "person": "approves"}, {"say": "The safe again", "person": "denies"}]
    assert held(bench, golden(*turns)) == (["opened", "denied: "], [])


def test_what_a_conversation_says_nothing_of_is_denied_with_the_reason(bench: Bench) -> None:
    assert held(bench, golden({"say": "The safe"}))[0] == ["denied: The conversation has nobody approve anything here."]


def test_a_turn_at_which_nobody_is_asked_is_told(bench: Bench) -> None:
    assert held(bench, golden({"say": "Hello"}, {"say": "Hello", "person": "approves"}))[1] == [2]


def test_nobody_decides_for_the_jobs_of_others(bench: Bench) -> None:
    other = bench.run("test.clerk", {"message": "The safe"})
    held(bench, golden({"say": "Hello"}))
    assert other.record.asks


def test_a_budget_that_is_too_small_has_the_fallback_answer(bench: Bench) -> None:
    conversation = golden({"say": "Hello", "budget": {"wall_s": 0.001}, "expect": {"outcome": "fallback"}})
    assert bench.run("evals.conversation", conversation).result.passed


def test_what_was_sent_last_stands_in_the_words_of_the_customer(bench: Bench) -> None:
    letters = [("ada@example.com", "Code 111111"), ("ada@example.com", "Code 222222"), ("ben@example.com", "Code 3")]
    lines = [json.dumps({"to": to, "text": text}) for to, text in letters]
    (deployment().settings.data_dir / "outbox.jsonl").write_text("\n".join(lines))
    turn = {"say": "It is {sent}", "sent": {"to": "ada@example.com", "finds": r"\d{6}"}}
    assert held(bench, golden(turn))[0] == ["You said It is 222222"]


@pytest.mark.parametrize(("samples", "code"), [("1", "not_sent"), ("0", "not_sample_data")])
def test_letters_are_read_with_sample_data_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, samples: str, code: str
) -> None:
    from backdesk.platform.deployment import reset

    monkeypatch.setenv("BACKDESK_SAMPLES", samples)
    reset()
    job = bench.run("evals.conversation", golden({"say": "{sent}", "sent": {"to": "eve@example.com", "finds": "."}}))
    assert job.error
    assert job.error.code == code

"""Criteria in words: what a judge model says of them, and that nobody takes them for met where none does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import backdesk.kinds.evals.kind  # noqa: F401 - the bench runs it by its name
from backdesk.agents import Agent, AgentRequest, AgentResult, Team, agent_task, answer
from backdesk.kinds.evals.contract import ConversationReport
from backdesk.platform.deployment import reset
from backdesk.testing import Bench
from backdesk.worker.attempt.context import TaskContext
from tests.support.openai_simulator import Fault, OpenAISimulator, Received, Text, call

POET = Team("poet", (Agent("poet", "You write verses."),))
CRITERIA = ["The answer is polite", "The answer rhymes"]


@agent_task("test.poet")
async def poet(ctx: TaskContext, request: AgentRequest) -> AgentResult:
    return await answer(ctx, POET, request)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench(watched=False) as bench:
        yield bench


@pytest.fixture
def judge(provider: OpenAISimulator, monkeypatch: pytest.MonkeyPatch) -> OpenAISimulator:
    monkeypatch.setenv("BACKDESK_JUDGE_MODEL", "judge-mini")
    reset()
    return provider


def held(bench: Bench, criteria: list[str] = CRITERIA) -> ConversationReport:
    turns = [{"say": "A verse, please", "expect": {"judge": criteria}}]
    report: ConversationReport = bench.run(
        "evals.conversation", {"name": "verses", "kind": "test.poet", "turns": turns}
    ).result
    return report


def findings(*holds: bool) -> Any:
    each = [{"number": number, "holds": held, "why": "so it is"} for number, held in enumerate(holds, 1)]
    return call("give_answer", findings=each)


def judged(provider: OpenAISimulator) -> list[Received]:
    return [request for request in provider.requests if request.body["model"] == "judge-mini"]


def test_a_criterion_that_a_judge_finds_unmet_is_a_fault_with_its_reason(judge: OpenAISimulator, bench: Bench) -> None:
    judge.will(Text("Roses are red."), findings(True, False))
    report = held(bench)

    assert [(fault.check, "so it is" in fault.problem) for fault in report.faults] == [("judge", True)]
    assert "'The answer rhymes' does not hold" in report.faults[0].problem
    assert [ruling.holds for ruling in report.turns[0].rulings] == [True, False]
    assert report.not_judged == 0


def test_the_judge_sees_what_was_said_and_done_and_its_cost_is_told_apart(judge: OpenAISimulator, bench: Bench) -> None:
    judge.will(Text("Roses are red."), findings(True, True))
    report = held(bench)
    (request,) = judged(judge)
    shown = json.loads(request.texts("user")[-1])

    assert report.passed
    assert shown["conversation"] == [
        {"customer": "A verse, please", "assistant": "Roses are red.", "outcome": "answer"}
    ]
    assert [each["criterion"] for each in shown["criteria"]] == CRITERIA
    assert report.requests == 1, "the judge's are not those of whom it judges"


@pytest.mark.parametrize("silence", [(Fault.error(401, "invalid_api_key"),), (findings(),)])
def test_what_a_judge_says_nothing_of_is_not_judged(
    judge: OpenAISimulator, bench: Bench, silence: tuple[Any, ...]
) -> None:
    judge.will(Text("Roses are red."), *silence)
    report = held(bench)

    assert (report.passed, report.not_judged) == (True, 2)


def test_without_a_judge_model_criteria_are_counted_as_not_judged(provider: OpenAISimulator, bench: Bench) -> None:
    provider.will(Text("Roses are red."))
    report = held(bench)

    assert (report.passed, report.not_judged, len(provider.requests)) == (True, 2, 1)

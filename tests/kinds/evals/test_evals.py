"""Golden conversations: held message by message with the real kind, and told of in full."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from backdesk.agents import Agent, AgentRequest, AgentResult, Call, Desk, Say, Situation, Team, agent_task, answer, tool
from backdesk.kinds.evals.checks import CHECKS, problems
from backdesk.kinds.evals.contract import ConversationReport, Expectation, GoldenTurn, TurnOutcome
from backdesk.kinds.evals.kind import outcome_of
from backdesk.testing import Bench
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.model.child import ChildEnd
from backdesk.worker.model.job import JobState
from tests.support.mortal_bench import MortalBench, deaths

CAME = TurnOutcome(
    job_id="j",
    outcome="answer",
    answer="Order 10003 is refunded: 78.00 EUR.",
    agent="refund",
    tools=["look_up_order"],
    actions=[{"type": "refund", "order_number": 10003, "amount_cents": 7800}],
    requests=3,
    cost_usd=0.002,
)


@tool("pure")
async def look_up(desk: Desk, place: str) -> str:
    """Look up a place."""
    return f"{place} is in Hamburg."


def rules(now: Situation) -> Any:
    if found := now.replies_of("look_up"):
        return Say(str(found[-1].data))
    if now.message == "Never mind":
        return Say("Then let us leave it.")
    return (Call("look_up", {"place": now.message}),)


PORTER = Team("porter", (Agent("porter", "You know places.", tools=(look_up,)),), rules=rules)


@agent_task("test.porter")
async def porter(ctx: TaskContext, request: AgentRequest) -> AgentResult:
    return await answer(ctx, PORTER, request)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench(watched=False) as bench:
        yield bench


def held(bench: Bench, *turns: dict[str, Any]) -> ConversationReport:
    golden = {"name": "places", "kind": "test.porter", "fields": {"customer_id": "cust-1"}, "turns": list(turns)}
    report: ConversationReport = bench.run("evals.conversation", golden).result
    return report


def test_a_conversation_that_comes_to_what_it_must_passes(bench: Bench) -> None:
    expected = {"outcome": "answer", "agent": "porter", "tools": ["look_up"], "says": ["in hamburg"]}
    report = held(bench, {"say": "The harbour", "expect": expected}, {"say": "The fair"})

    assert report.passed
    assert [turn.answer for turn in report.turns] == ["The harbour is in Hamburg.", "The fair is in Hamburg."]
    assert report.requests == 4
    assert report.offline


def test_what_is_otherwise_is_told_with_the_turn_and_does_not_end_the_conversation(bench: Bench) -> None:
    report = held(bench, {"say": "The harbour", "expect": {"never_says": ["hamburg"]}}, {"say": "The fair"})

    assert not report.passed
    assert [(fault.turn, fault.check) for fault in report.faults] == [(1, "never_says")]
    assert len(report.turns) == 2


def test_the_tools_of_a_turn_are_those_that_were_called_for_it(bench: Bench) -> None:
    report = held(bench, {"say": "The harbour"}, {"say": "Never mind", "expect": {"no_tools": ["look_up"]}})

    assert [turn.tools for turn in report.turns] == [["look_up"], []]
    assert report.passed


def test_a_turn_is_a_job_of_its_own_in_one_conversation(bench: Bench) -> None:
    turns = [{"say": "The harbour"}, {"say": "The fair"}]
    job = bench.run("evals.conversation", {"name": "places", "kind": "test.porter", "turns": turns})
    records = [child.record for child in job.children]

    assert [record.id for record in records] == [turn.job_id for turn in job.result.turns]
    assert {record.kind for record in records} == {"test.porter"}
    assert len({record.request["conversation_id"] for record in records}) == 1


def test_a_turn_that_fails_is_an_outcome_with_its_code(bench: Bench) -> None:
    report = held(bench, {"say": "The harbour"}, {"say": "The fair", "fields": {"customer_id": "cust-2"}})

    assert (report.turns[1].outcome, report.turns[1].code) == ("failed", "conversation_mismatch")


def test_at_whichever_write_its_worker_dies_the_report_is_the_same_and_no_turn_is_repeated(
    subtests: pytest.Subtests,
) -> None:
    turns = [{"say": "The harbour"}, {"say": "The fair", "expect": {"says": ["Berlin"]}}]
    golden = {"name": "places", "kind": "test.porter", "turns": turns}
    for death in deaths():
        with subtests.test(death=death), MortalBench() as bench:
            job = bench.outlive(bench.submit("evals.conversation", golden), death)
            report: ConversationReport = job.result
            assert [(fault.turn, fault.check) for fault in report.faults] == [(2, "says")]
            assert [turn.answer for turn in report.turns] == ["The harbour is in Hamburg.", "The fair is in Hamburg."]
            assert ([turn.requests for turn in report.turns], len(job.children)) == ([2, 2], 2)


@pytest.mark.parametrize(
    ("expected", "check"),
    [
        ({"outcome": "question"}, "outcome"),
        ({"outcome": ["question", "fallback"]}, "outcome"),
        ({"code": "model_auth"}, "code"),
        ({"agent": "triage"}, "agent"),
        ({"tools": ["look_up_order", "refund_order"]}, "tools"),
        ({"no_tools": ["look_up_order"]}, "no_tools"),
        ({"actions": []}, "actions"),
        ({"actions": [{"type": "refund", "order_number": 10004}]}, "actions"),
        ({"no_actions": [{"type": "ticket"}, {"type": "refund", "order_number": 10003}]}, "no_actions"),
        ({"language": "de"}, "language"),
        ({"states": ["R-10003"]}, "states"),
        ({"states": ["78.00 EUR", "87.00 EUR"]}, "states"),
        ({"never_states": ["R-10003", "78,00 €"]}, "never_states"),
        ({"says": ["10004"]}, "says"),
        ({"never_says": ["refunded"]}, "never_says"),
        ({"truncated": True}, "truncated"),
        ({"most_requests": 2}, "most_requests"),
        ({"most_cost_usd": 0.001}, "most_cost_usd"),
    ],
)
def test_each_expectation_finds_what_is_otherwise(expected: dict[str, Any], check: str) -> None:
    assert [field for field, _ in problems(Expectation.model_validate(expected), CAME)] == [check]


@pytest.mark.parametrize(
    "expected",
    [
        {"outcome": ["answer", "question"], "agent": "refund", "tools": ["look_up_order"], "no_tools": ["refund"]},
        {"actions": [{"type": "refund", "amount_cents": 7800}], "says": ["78[.]00"], "never_says": ["ticket"]},
        {"no_actions": [{"type": "refund", "order_number": 10004}], "language": "en"},
        {"states": ["78,00 €", "10003"], "never_states": ["R-10003", "87.00 EUR", "2026-11-22"]},
        {"truncated": False},
        {"most_requests": 3, "most_cost_usd": 0.002},
        {},
    ],
)
def test_what_is_as_expected_has_no_problem(expected: dict[str, Any]) -> None:
    assert list(problems(Expectation.model_validate(expected), CAME)) == []


@pytest.mark.parametrize(
    "answer",
    [
        "Order 10003 was delivered on November 22, 2026, and cost 1,249.00 EUR.",
        "Die Bestellung 10003 kam am 22. November 2026 und kostete 1.249,00 €.",
        "注文10003は2026年11月22日に届き、1249ユーロでした。",
    ],
)
def test_a_fact_holds_in_whatever_way_it_is_written(answer: str) -> None:
    expected = Expectation(states=["10003", "2026-11-22", "1249.00 EUR"])
    assert list(problems(expected, CAME.model_copy(update={"answer": answer}))) == []


@pytest.mark.parametrize(
    ("fact", "found"), [("2027-01-17", []), ("2027-01-18", ["states"]), ("2027-02-17", ["states"])]
)
def test_a_date_in_a_few_words_is_read_in_the_language_that_the_answer_must_have(fact: str, found: list[str]) -> None:
    came, expected = CAME.model_copy(update={"answer": "Le 17 janvier."}), Expectation(language="fr", states=[fact])
    assert [field for field, _ in problems(expected, came)] == found


def test_an_answer_that_could_be_in_several_languages_is_in_the_right_one() -> None:
    assert list(problems(Expectation(language="ja"), CAME.model_copy(update={"answer": "OK"}))) == []


def test_a_cost_that_is_not_known_is_not_below_any() -> None:
    came = CAME.model_copy(update={"cost_usd": None})
    assert [field for field, _ in problems(Expectation(most_cost_usd=1), came)] == ["most_cost_usd"]


def test_every_field_of_an_expectation_is_checked() -> None:
    assert set(CHECKS) == set(Expectation.model_fields)


def test_a_turn_may_be_told_by_its_words_alone() -> None:
    assert GoldenTurn(say="Hello").expect == Expectation()


def test_a_turn_that_a_fallback_answered_has_the_code_of_the_failure() -> None:
    result = {"answer": "Sorry.", "degraded": "fallback_answer", "failure": "budget_exceeded"}
    came = outcome_of(ChildEnd(job_id="j", state=JobState.SUCCEEDED, result=result))
    assert (came.outcome, came.code) == ("fallback", "budget_exceeded")

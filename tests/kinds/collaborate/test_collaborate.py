"""Several experts answer one question, each in a job of its own; the late are dropped, and differences are told."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date

import pytest

from backdesk.agents import Agent, Call, Consent, Desk, Reply, Say, Situation, tool
from backdesk.agents.specialists import Specialist, register_specialist, withdraw_specialist
from backdesk.kinds.collaborate.differences import differences
from backdesk.kinds.collaborate.experts import TEAM
from backdesk.kinds.collaborate.kind import team_collaborate
from backdesk.testing import Bench, sandbox, scripted

QUESTION = "Can we move the shop to a new server within 20 days?"
TODAY = date(2026, 11, 30)


async def ask_somebody(desk: Desk) -> Consent:
    return Consent("May it think?", {})


@tool("pure", consent=ask_somebody)
async def think(desk: Desk) -> str:
    """Think, when somebody allows it."""
    return "thought"


@pytest.fixture
def bench() -> Iterator[Bench]:
    assert team_collaborate is not None
    slow = Agent("slow", "You think long.", tools=(think,))

    def rule(now: Situation) -> Reply:
        return Say("No, 50 days.") if now.replies else (Call("think", {}),)

    register_specialist(Specialist("slow", slow, about="Thinking", rules=rule), team=TEAM)
    broken = Agent("broken", "You cannot.")
    register_specialist(Specialist("broken", broken, about="Nothing"), team=TEAM)
    with Bench() as bench, sandbox():
        yield bench
    for name in ("slow", "broken"):
        withdraw_specialist(name, team=TEAM)


THREE = ["planner", "historian", "sceptic"]


def test_each_expert_answers_in_a_job_of_its_own_and_differences_are_told(bench: Bench) -> None:
    job = bench.run("team.collaborate", {"message": QUESTION, "experts": THREE})
    result = job.result
    assert sorted(child.record.kind for child in job.children) == ["team.answer"] * 3
    assert [each.expert for each in result.answers] == THREE
    assert all(each.answer for each in result.answers)
    found = {each.about: each.said for each in result.disagreements}
    assert found["yes or no"] == {"planner": ["yes"], "historian": ["yes"], "sceptic": ["no"]}
    assert found["time"]["sceptic"][0] == "31 days"
    assert (result.combined_by, result.dropped, result.rounds) == ("rule", [], 1)
    assert "They disagree on yes or no: planner says yes; historian says yes; sceptic says no." in result.answer


def test_an_error_stands_beside_the_answers(bench: Bench) -> None:
    job = bench.run("team.collaborate", {"message": QUESTION, "experts": ["planner", "broken"]})
    planner, broken = job.result.answers
    assert planner.answer
    assert (broken.answer, broken.error) == (None, "no_model")
    assert job.result.dropped == []


def test_who_is_late_is_dropped_and_their_job_ends(bench: Bench) -> None:
    job = bench.run("team.collaborate", {"message": QUESTION, "experts": ["planner", "slow"], "deadline_s": 60})
    assert job.state == "waiting"
    bench.advance(61)
    bench.go_on(job)
    assert job.result.dropped == ["slow"]
    assert job.result.answers[0].answer
    assert sorted(child.state for child in job.children) == ["expired", "succeeded"]


def test_without_any_answer_the_job_fails_and_says_why(bench: Bench) -> None:
    job = bench.run("team.collaborate", {"message": QUESTION, "experts": ["broken"]})
    assert job.error is not None
    assert (job.error.code, "broken: no_model" in job.error.message) == ("no_answers", True)


def test_in_a_further_round_experts_see_what_the_others_have_answered(bench: Bench) -> None:
    job = bench.run("team.collaborate", {"message": QUESTION, "experts": THREE, "rounds": 2})
    assert (job.result.rounds, len(job.children)) == (2, 6)
    assert all("I have seen what the others say" in (each.answer or "") for each in job.result.answers)
    assert {each.round for each in job.result.answers} == {2}
    assert [told["fraction"] for told in job.of("progress")] == [0, 0.5, 1]


def test_a_model_combines_where_one_is_configured(bench: Bench) -> None:
    risk = {"about": "the risk", "said": {"sceptic": "high", "nobody": "low"}}
    made = {"answer": "Mostly yes.", "disagreements": [risk, {"about": "the moon", "said": {"nobody": "full"}}]}

    def rule(now: Situation) -> Reply:
        return (Call("give_answer", made),) if "give_answer" in now.outputs else Say("Yes, 14 days.")

    with scripted(rule=rule):
        job = bench.run("team.collaborate", {"message": QUESTION, "experts": THREE})
    assert (job.result.answer, job.result.combined_by) == ("Mostly yes.", "model")
    assert [(each.about, each.said) for each in job.result.disagreements] == [("the risk", {"sceptic": ["high"]})]


def test_an_expert_that_nobody_has_is_refused(bench: Bench) -> None:
    job = bench.run("team.collaborate", {"message": QUESTION, "experts": ["cook"]})
    assert job.error is not None
    assert job.error.code == "unknown_expert"
    assert job.children == []


def test_experts_pay_from_the_budget_of_the_job(bench: Bench) -> None:
    job = bench.run("team.collaborate", {"message": QUESTION, "experts": THREE}, budget={"model_calls": 1})
    assert job.state == "succeeded"
    errors = [each.error for each in job.result.answers if each.error]
    assert len(errors) == 2
    assert set(errors) == {"budget_exceeded"}


def test_a_job_that_is_cancelled_takes_its_experts_along(bench: Bench) -> None:
    job = bench.run("team.collaborate", {"message": QUESTION, "experts": ["slow"]})
    bench.cancel(job)
    assert (job.state, [child.state for child in job.children]) == ("cancelled", ["cancelled"])


def test_each_expert_is_asked_once_whenever_the_worker_dies(bench: Bench) -> None:
    for after in itertools.count():
        job = bench.submit("team.collaborate", {"message": QUESTION, "experts": THREE})
        died = bench.lose(job, after=after)
        bench.go_on(job)
        assert len(job.children) == 3
        assert [each.answer is not None for each in job.result.answers] == [True] * 3
        if not died:
            break


@pytest.mark.parametrize(
    ("one", "other", "about"),
    [
        ("Yes, do it.", "No.", ["yes or no"]),
        ("Ja.", "Nein, lieber nicht.", ["yes or no"]),
        ("It costs 1,200 EUR.", "Es kostet 1.300 EUR.", ["EUR"]),
        ("It costs 1,200.00 EUR.", "Es kostet 1.200 EUR.", []),
        ("It takes two weeks.", "It takes 14 days.", []),
        ("It takes 14 days.", "It takes 15 days.", ["time"]),
        ("Due on 2026-12-24.", "Due on 24 December 2026.", []),
        ("Due on 2026-12-24.", "Due on 2026-12-27.", ["a date"]),
        ("Some 30 %.", "Some 40 %.", ["percent"]),
        ("Of the 20 days it takes 14 days.", "Of the 20 days it takes 31 days.", ["time"]),
        ("It is blue.", "It is red.", []),
        ("It takes 14 days.", "I cannot tell.", []),
    ],
)
def test_values_are_compared_and_not_words(one: str, other: str, about: list[str]) -> None:
    found = differences({"one": one, "other": other}, TODAY)
    assert [each.about for each in found] == about

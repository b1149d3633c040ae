"""An agent makes a plan and marks its steps, also where rules stand in for a model or a worker dies."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from backdesk.agents import Agent, AgentRequest, AgentResult, Call, Reply, Say, Situation, Team, agent_task, answer
from backdesk.testing import Bench, sandbox, scripted
from backdesk.testing.job import BenchJob
from backdesk.tools import make_plan, mark_step
from backdesk.worker import TaskContext
from backdesk.worker.attempt.registry import REGISTRY

PLAN = Call("make_plan", {"steps": ["Read", "Compare", "Write"]})


def rule(now: Situation) -> Reply:
    """Plan, go through the plan, and say so."""
    match len(now.replies):
        case 0:
            return (PLAN,)
        case 1:
            return (Call("mark_step", {"number": 1, "state": "done", "begins": 2}),)
        case 2:
            return (
                Call("mark_step", {"number": 2, "state": "done"}),
                Call("mark_step", {"number": 3, "state": "done"}),
            )
    return Say("Written.")


@pytest.fixture
def bench() -> Iterator[Bench]:
    team = Team("planning", (Agent("clerk", "You plan.", tools=(make_plan, mark_step)),), rules=rule)

    @agent_task("planning.clerk")
    async def work(ctx: TaskContext, request: AgentRequest) -> AgentResult:
        return await answer(ctx, team, request)

    with Bench() as bench, sandbox():
        yield bench
    REGISTRY.pop("planning.clerk")


def told(job: BenchJob) -> list[str]:
    return [" ".join(step["state"] for step in each["steps"]) for each in job.of("plan")]


def test_a_plan_and_its_marks_are_told(bench: Bench) -> None:
    marks = (
        Call("mark_step", {"number": 1, "state": "done", "begins": 2}),
        Call("mark_step", {"number": 2, "state": "failed"}),
        Call("mark_step", {"number": 3, "state": "skipped"}),
    )
    with scripted(PLAN, *marks, Say("Done.")) as model:
        job = bench.run("planning.clerk", {"message": "Go."})
    assert told(job)[0] == "pending pending pending"
    assert told(job)[-1] == "done failed skipped"
    assert model.requests[2].replies_of("mark_step")[0].data["steps"][1] == {
        "number": 2,
        "title": "Compare",
        "state": "running",
    }


def test_rules_plan_as_well(bench: Bench) -> None:
    job = bench.run("planning.clerk", {"message": "Go."})
    assert job.result.answer == "Written."
    assert told(job)[-1] == "done done done"


def test_the_plan_goes_on_whenever_the_worker_dies(bench: Bench) -> None:
    for after in itertools.count():
        job = bench.submit("planning.clerk", {"message": "Go."})
        died = bench.lose(job, after=after)
        bench.go_on(job)
        assert job.result.answer == "Written."
        assert told(job)[-1] == "done done done"
        if not died:
            break
    assert after > 5


@pytest.mark.parametrize(
    ("call", "refused"),
    [
        (Call("mark_step", {"number": 1, "state": "done"}), "There is no plan yet: make one by make_plan."),
        (Call("make_plan", {"steps": ["Read", "Read"]}), "a title, or a key, of its own"),
        (Call("make_plan", {"steps": ["\x1b"]}), "1 to 120 characters"),
    ],
)
def test_what_is_no_plan_is_refused_with_the_reason(bench: Bench, call: Call, refused: str) -> None:
    with scripted(call, Say("Oh.")) as model:
        job = bench.run("planning.clerk", {"message": "Go."})
    assert refused in model.requests[1].replies_of(call.name)[0].data["refused"]
    assert told(job) == []


def test_a_step_beyond_the_plan_is_refused_and_nothing_is_marked(bench: Bench) -> None:
    with scripted(PLAN, Call("mark_step", {"number": 1, "state": "done", "begins": 7}), Say("Oh.")) as model:
        job = bench.run("planning.clerk", {"message": "Go."})
    assert model.requests[2].replies_of("mark_step")[0].data == {"refused": "The plan has 3 steps, and no step 7."}
    assert told(job) == ["pending pending pending"]


@pytest.mark.parametrize(
    "args",
    [
        {"steps": []},
        {"steps": [str(n) for n in range(21)]},
        {"steps": ["x" * 121]},
        {"steps": [" "]},
        {"steps": "Read"},
    ],
)
def test_the_model_is_told_what_a_plan_may_be(bench: Bench, args: dict[str, Any]) -> None:
    with scripted(Call("make_plan", args), Say("Oh.")) as model:
        job = bench.run("planning.clerk", {"message": "Go."})
    assert not model.requests[1].replies_of("make_plan")[0].succeeded
    assert told(job) == []

"""Tools that have other jobs do the work, and tell how far they are."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from backdesk.agents import (
    Agent,
    AgentRequest,
    AgentResult,
    Call,
    Desk,
    Reply,
    Say,
    Situation,
    agent_task,
    answer,
    tool,
)
from backdesk.testing import Bench, sandbox, scripted
from backdesk.worker import BlockingContext, TaskContext, TaskError, task
from backdesk.worker.attempt.registry import REGISTRY

WEIGHED: list[str] = []


class Load(BaseModel):
    of: str


class Weight(BaseModel):
    grams: int


@tool("pure")
async def weigh(desk: Desk, of: str) -> int | str:
    """Weigh something."""
    desk.tell(0.5, f"{of} is on the scales")
    end = await desk.call("calling.scales", {"of": of})
    return end.result["grams"] if end.result else str(end.error and end.error.code)


@tool("unsafe", name="send_off", description="Send something off.")
async def ship(desk: Desk, of: str) -> str:
    end = await desk.call("calling.scales", {"of": of})
    WEIGHED.append(f"sent {of}")
    return f"sent {end.result}"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    for kind in ("calling.clerk", "calling.scales"):
        monkeypatch.delitem(REGISTRY, kind, raising=False)
    clerk = Agent("clerk", "You weigh.", tools=(weigh, ship))

    @agent_task("calling.clerk")
    async def work(ctx: TaskContext, request: AgentRequest) -> AgentResult:
        return await answer(ctx, clerk, request)

    @task("calling.scales", queue="tools")
    def scales(ctx: BlockingContext, request: Load) -> Weight:
        WEIGHED.append(request.of)
        if request.of == "smoke":
            raise TaskError("weightless", "There is nothing on the scales.")
        return Weight(grams=len(request.of))

    WEIGHED.clear()
    with Bench() as bench, sandbox():
        yield bench
    for kind in ("calling.clerk", "calling.scales"):
        REGISTRY.pop(kind, None)


def test_parallel_calls_of_a_tool_have_a_job_each_and_are_answered_in_their_order(bench: Bench) -> None:
    calls = (Call("weigh", {"of": "feather"}), Call("weigh", {"of": "smoke"}), Call("weigh", {"of": "egg"}))
    with scripted(calls, Say("Weighed.")) as model:
        job = bench.run("calling.clerk", {"message": "Weigh these."})
    assert job.result.answer == "Weighed."
    assert [reply.data for reply in model.requests[1].replies_of("weigh")] == [7, "weightless", 3]
    assert sorted(WEIGHED) == ["egg", "feather", "smoke"]


def test_a_tool_tells_how_far_it_is_under_its_own_call(bench: Bench) -> None:
    with scripted(Call("weigh", {"of": "feather"}), Say("Weighed.")):
        job = bench.run("calling.clerk", {"message": "Weigh this."})
    told = job.of("tool_progress")[0]
    assert told["call_id"] == job.of("tool_called")[0]["call_id"]
    assert (told["tool"], told["fraction"], told["message"]) == ("weigh", 0.5, "feather is on the scales")


def test_a_tool_that_must_not_be_repeated_acts_once_after_the_job_it_waited_for(bench: Bench) -> None:
    with scripted(Call("send_off", {"of": "egg"}), Say("Sent.")):
        job = bench.run("calling.clerk", {"message": "Send it."})
    assert job.result.answer == "Sent."
    assert WEIGHED == ["egg", "sent egg"]


def test_a_call_that_waits_for_a_job_is_paid_for_once(bench: Bench) -> None:
    calls = (Call("weigh", {"of": "feather"}), Call("send_off", {"of": "egg"}))
    with scripted(calls, Say("Weighed.")):
        job = bench.run("calling.clerk", {"message": "Weigh this."}, budget={"tool_calls": 2})
    assert job.error is None
    assert job.result.usage.tool_calls == 2
    assert job.record.spent is not None
    assert job.record.spent.tool_calls == 2


def test_the_work_is_done_once_whenever_the_worker_dies(bench: Bench) -> None:
    def rule(situation: Situation) -> Reply:
        return Say("Weighed.") if situation.replies else (Call("weigh", {"of": "feather"}),)

    for after in itertools.count():
        WEIGHED.clear()
        with scripted(rule=rule):
            job = bench.submit("calling.clerk", {"message": "Weigh this."})
            died = bench.lose(job, after=after)
            bench.go_on(job)
        assert job.result.answer == "Weighed."
        assert WEIGHED == ["feather"]
        if not died:
            break


def test_a_tool_is_called_by_the_name_that_it_was_made_with(bench: Bench) -> None:
    assert ship.name == "send_off"
    with scripted(Call("send_off", {"of": "egg"}), Say("Sent.")) as model:
        bench.run("calling.clerk", {"message": "Send it."})
    assert "Send something off." in str(model.requests[0])

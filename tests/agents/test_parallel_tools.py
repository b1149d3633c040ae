"""Calls of tools that one response of a model makes: at the same time, and what becomes of a slow one."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from backdesk.agents import (
    Agent,
    AgentRequest,
    AgentResult,
    Call,
    Desk,
    Limits,
    Reply,
    Say,
    Situation,
    agent_task,
    answer,
    tool,
)
from backdesk.testing import Bench, sandbox, scripted
from backdesk.worker import TaskContext, task
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.errors import ConfigurationError

KINDS = ("parallel.clerk", "parallel.sleeper")
#: What the tools did, in the order in which they did it.
DID: list[str] = []
#: How many calls have to be under way before any of them ends.
PARTY = 3
HURRY = "Hurry."
BEGUN: list[asyncio.Event] = []
LEFT: list[asyncio.Event] = []


class Nap(BaseModel):
    dreams: str = "of sheep"


@tool("pure")
async def meet(desk: Desk, name: str) -> str:
    """Wait until all the others have begun, and end in the reverse order."""
    DID.append(name)
    if len(DID) == PARTY:
        BEGUN[0].set()
    await BEGUN[0].wait()
    for _ in range(10 - len(name)):
        await asyncio.sleep(0)
    return name


@tool("pure")
async def break_down(desk: Desk) -> str:
    raise RuntimeError("the machine is broken")


@tool("pure")
async def quick(desk: Desk) -> str:
    DID.append("quick")
    return "at once"


async def _never(name: str) -> str:
    DID.append(name)
    try:
        await asyncio.Event().wait()
    finally:
        DID.append(f"{name} was cancelled")
        LEFT[0].set()
    raise AssertionError("nobody sets it")


@tool("pure")
async def slow(desk: Desk) -> str:
    return await _never("slow")


@tool("pure", timeout_s=0.02)
async def hasty(desk: Desk) -> str:
    return await _never("hasty")


@tool("idempotent")
async def slow_change(desk: Desk) -> str:
    return await _never("slow_change")


@tool("unsafe")
async def send(desk: Desk) -> str:
    await LEFT[0].wait()
    DID.append("sent")
    return "sent"


@tool("unsafe", timeout_s=0.02)
async def send_in_time(desk: Desk) -> str:
    return await _never("send_in_time")


@tool("pure")
async def have_slept(desk: Desk) -> str:
    DID.append("have_slept")
    return str((await desk.call("parallel.sleeper", {})).state)


TOOLS = (meet, break_down, quick, slow, hasty, slow_change, send, send_in_time, have_slept)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    for kind in KINDS:
        monkeypatch.delitem(REGISTRY, kind, raising=False)
    clerk = Agent("clerk", "You work.", tools=TOOLS, limits=Limits(tools_within_s=60))
    hurried = Agent("clerk", "You work.", tools=TOOLS, limits=Limits(tools_within_s=0.05))

    @agent_task("parallel.clerk")
    async def work(ctx: TaskContext, request: AgentRequest) -> AgentResult:
        BEGUN[:], LEFT[:] = [asyncio.Event()], [asyncio.Event()]
        return await answer(ctx, hurried if request.message == HURRY else clerk, request)

    @task("parallel.sleeper", queue="agents")
    async def sleep(ctx: TaskContext, request: Nap) -> Nap:
        await ctx.approval("wake", "Wake it?", within=86_400)
        return request

    DID.clear()
    with Bench() as bench, sandbox():
        yield bench
    for kind in KINDS:
        REGISTRY.pop(kind, None)


def test_calls_of_one_response_are_under_way_together_and_answered_in_the_order_asked(bench: Bench) -> None:
    names = ("a", "bbb", "ccccc")
    with scripted(tuple(Call("meet", {"name": name}) for name in names), Say("Met.")) as model:
        job = bench.run("parallel.clerk", {"message": "Meet."})
    assert job.result.answer == "Met."
    assert tuple(reply.data for reply in model.requests[1].replies) == names


def test_an_error_of_one_call_leaves_the_others_alone(bench: Bench) -> None:
    with scripted((Call("quick", {}), Call("break_down", {}), Call("quick", {})), Say("Done.")) as model:
        job = bench.run("parallel.clerk", {"message": "Work."})
    assert [call.outcome for call in job.tool_calls] == ["success", "failed", "success"]
    first, second, third = (reply.data for reply in model.requests[1].replies)
    assert (first, third) == ("at once", "at once")
    assert second == "break_down failed for a technical reason; do not call it again for this."


def test_a_slow_call_is_left_behind_at_the_deadline_of_its_response(bench: Bench) -> None:
    with scripted((Call("slow", {}), Call("quick", {})), Say("Without it.")) as model:
        job = bench.run("parallel.clerk", {"message": HURRY})
    assert job.result.answer == "Without it."
    late, done = (reply.data for reply in model.requests[1].replies)
    assert done == "at once"
    told = r"slow was not done in time: it was left behind after 0\.0\d+ s\. Nothing was changed by it\. Go on .*"
    assert re.fullmatch(told, str(late))
    assert DID == ["slow", "quick", "slow was cancelled"]
    assert {call.name: call.outcome for call in job.tool_calls} == {"slow": "failed", "quick": "success"}


def test_each_response_has_the_whole_time(bench: Bench) -> None:
    with scripted(Call("slow", {}), Call("quick", {}), Say("Done.")) as model:
        bench.run("parallel.clerk", {"message": HURRY})
    assert [reply.data for reply in model.requests[2].replies_of("quick")] == ["at once"]


def test_a_tool_may_have_less_time_than_its_response(bench: Bench) -> None:
    with scripted((Call("hasty", {}),), Say("Without it.")) as model:
        bench.run("parallel.clerk", {"message": "Work."})
    assert "left behind after 0.02 s" in model.requests[1].replies[0].data


def test_of_a_change_that_is_left_behind_nobody_says_that_it_was_not_made(bench: Bench) -> None:
    with scripted((Call("slow_change", {}),), Say("Without it.")) as model:
        bench.run("parallel.clerk", {"message": HURRY})
    assert (
        "Nobody knows yet whether it has taken effect; the same call again would do no harm."
        in model.requests[1].replies[0].data
    )


def test_a_call_that_must_not_be_repeated_is_waited_for_beyond_the_deadline(bench: Bench) -> None:
    with scripted((Call("send", {}), Call("slow", {})), Say("Sent.")) as model:
        bench.run("parallel.clerk", {"message": HURRY})
    sent, late = (reply.data for reply in model.requests[1].replies)
    assert sent == "sent"
    assert late.startswith("slow was not done in time")
    assert DID == ["slow", "slow was cancelled", "sent"]


def test_a_person_is_asked_about_a_call_that_must_not_be_repeated_and_took_too_long(bench: Bench) -> None:
    with scripted((Call("send_in_time", {}), Call("quick", {})), Say("Sent.")) as model:
        job = bench.run("parallel.clerk", {"message": "Send it."})
        assert (job.state, job.asks[0].type) == ("waiting", "outcome")
        bench.resolve(job, "done", "it arrived")
    assert [reply.data for reply in model.requests[1].replies] == ["it arrived", "at once"]
    assert sorted(DID) == ["quick", "send_in_time", "send_in_time was cancelled"]


def work_and_say(situation: Situation) -> Reply:
    return Say("Done.") if situation.replies else (Call("slow", {}), Call("quick", {}))


def test_what_was_left_behind_stays_so_whenever_the_worker_dies(bench: Bench) -> None:
    for after in itertools.count():
        DID.clear()
        with scripted(
            rule=lambda situation: Say("Done.") if situation.replies else (Call("slow", {}), Call("quick", {}))
        ):
            job = bench.submit("parallel.clerk", {"message": HURRY})
            died = bench.lose(job, after=after)
            bench.go_on(job)
        assert job.result.answer == "Done."
        assert DID.count("slow") == DID.count("slow was cancelled")
        if not died:
            break
    assert DID.count("slow") == 1


def test_a_job_that_a_call_waits_for_is_ended_with_it(bench: Bench) -> None:
    with scripted((Call("have_slept", {}), Call("quick", {})), Say("Without it.")) as model:
        job = bench.run("parallel.clerk", {"message": "Work."})
        assert [child.state for child in job.children] == ["waiting"]
        bench.advance(61)
        bench.go_on(job)
    assert [child.state for child in job.children] == ["expired"]
    late, done = (reply.data for reply in model.requests[1].replies)
    assert late.startswith("have_slept was not done in time")
    assert done == "at once"
    assert DID.count("quick") == 1


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="more than 0 s"):
        tool("pure", timeout_s=0)(quick.function)
    with pytest.raises(ValueError, match="tools need some time"):
        Limits(tools_within_s=0)

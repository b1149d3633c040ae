"""Tools whose arguments a schema tells, and tools that wait for room."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from referencing.exceptions import Unresolvable

from backdesk.agents import Agent, AgentRequest, AgentResult, Call, Desk, Say, agent_task, answer, tool
from backdesk.agents.schemas import faults_of
from backdesk.testing import Bench, sandbox, scripted
from backdesk.worker import TaskContext
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.errors import ConfigurationError, Limited

SCHEMA = {
    "type": "object",
    "properties": {"to.whom": {"type": "string", "maxLength": 5}, "ctx": {"$ref": "#/$defs/count"}},
    "required": ["to.whom"],
    "additionalProperties": False,
    "$defs": {"count": {"type": "integer"}},
}
CALLED: list[dict[str, Any]] = []
ROOM = [False]


@tool("pure", name="greet", description="Greet somebody.", schema=SCHEMA)
async def greet(desk: Desk, /, **arguments: Any) -> str:
    CALLED.append(arguments)
    return "greeted"


@tool("unsafe", name="pay", description="Pay.")
async def pay(desk: Desk) -> str:
    async with desk.reserve("till"):
        if not ROOM[0]:
            ROOM[0] = True
            raise Limited(30, "the till is closed")
        CALLED.append({"paid": True})
        return "paid"


@tool("unsafe", name="print_out", description="Print.")
async def print_out(desk: Desk) -> str:
    raise ConfigurationError('printing needs a library: pip install "backdesk[tools]"')


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.delitem(REGISTRY, "schema.clerk", raising=False)
    clerk = Agent("clerk", "You greet.", tools=(greet, pay, print_out))

    @agent_task("schema.clerk")
    async def work(ctx: TaskContext, request: AgentRequest) -> AgentResult:
        return await answer(ctx, clerk, request)

    CALLED.clear()
    ROOM[0] = False
    with Bench() as bench, sandbox():
        yield bench
    REGISTRY.pop("schema.clerk", None)


def test_a_tool_gets_arguments_by_its_schema_whatever_they_are_called(bench: Bench) -> None:
    with scripted(Call("greet", {"to.whom": "Ann", "ctx": 2}), Say("Done.")):
        bench.run("schema.clerk", {"message": "Greet Ann."})
    assert CALLED == [{"to.whom": "Ann", "ctx": 2}]


def test_a_call_that_does_not_fit_the_schema_is_not_made_and_the_model_is_told_why(bench: Bench) -> None:
    with scripted(Call("greet", {"to.whom": "Ann", "ctx": "two"}), Say("Done.")) as model:
        bench.run("schema.clerk", {"message": "Greet Ann."})
    assert CALLED == []
    assert "ctx: 'two' is not of type 'integer'" in str(model.requests[1])


def test_what_must_not_be_repeated_and_finds_no_room_has_its_job_parked_and_is_done_once(bench: Bench) -> None:
    with scripted((Call("pay", {}), Call("greet", {"to.whom": "Ann"})), Say("Done.")):
        job = bench.run("schema.clerk", {"message": "Pay."})
    assert (job.state, job.result.answer) == ("succeeded", "Done.")
    assert sorted(map(str, CALLED)) == ["{'paid': True}", "{'to.whom': 'Ann'}"]
    assert (len(job.of("limited")), job.of("retrying"), job.of("waiting")) == (1, [], [])


def test_what_a_deployment_lacks_fails_the_job_and_says_what_it_is(bench: Bench) -> None:
    with scripted((Call("print_out", {}), Call("greet", {"to.whom": "Ann"}))):
        job = bench.run("schema.clerk", {"message": "Print it."})
    assert (job.of("waiting"), CALLED) == ([], [{"to.whom": "Ann"}])
    assert 'pip install "backdesk[tools]"' in str(job.error)


def test_a_reference_out_of_the_schema_is_not_followed() -> None:
    with pytest.raises(Unresolvable, match=r"example\.invalid"):
        faults_of({"properties": {"a": {"$ref": "http://example.invalid/schema.json"}}}, {"a": 1})

"""What each engine of Pydantic AI has to show, as its harness tests its own; here each body runs twice from the top."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from typing import Any

import pytest
from pydantic_ai import (
    Agent,
    AgentStreamEvent,
    BinaryContent,
    DeferredToolRequests,
    FunctionToolCallEvent,
    ModelMessage,
    ModelResponse,
    ModelRetry,
    PartStartEvent,
    RunContext,
    TextPart,
    ToolReturn,
    ToolReturnPart,
    UserError,
)
from pydantic_ai.capabilities import AbstractCapability, ResolveModelId, durable_operation
from pydantic_ai.exceptions import ApprovalRequired, CallDeferred
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.models import Model
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import DynamicToolset, ExternalToolset, FunctionToolset

from backdesk.testing import Bench
from pydantic_ai_backdesk import BackdeskDurability
from tests.plugins.pydantic_ai_backdesk.support import IDEMPOTENT, KIND, Script, as_kind, call, durable_agent, steps
from tests.support.mcp_server import Board, serving

REQUEST = "clerk__model.request"
TOOL = "clerk__function_toolset__tools.call_tool:act/c1"


def tools(act: Any, toolset_id: str = "tools") -> FunctionToolset[Any]:
    toolset = FunctionToolset[Any](id=toolset_id)
    toolset.add_function(act, name="act", metadata=IDEMPOTENT, takes_ctx=False)
    return toolset


def acting(act: Any, model: Model | None = None, output_type: Any = str, **options: Any) -> Agent[Any, Any]:
    """An agent with one tool in a toolset, which it calls once."""
    model = model or Script(call("act"), "done").model
    capability = BackdeskDurability[Any](**options)
    return Agent(model, name="clerk", toolsets=[tools(act)], capabilities=[capability], output_type=output_type)


class Counted:
    """A tool that counts its calls."""

    def __init__(self, result: Any = "sunny") -> None:
        self.calls = 0
        self._result = result

    def __call__(self) -> Any:
        self.calls += 1
        if isinstance(self._result, Exception):
            raise self._result
        return self._result


async def test_outside_of_a_job_an_agent_runs_as_ever() -> None:
    act = Counted()
    agent = acting(act.__call__)
    assert (await agent.run("go")).output == "done"
    assert act.calls == 1


def test_requests_and_calls_are_steps_under_their_names_and_none_is_repeated(bench: Bench) -> None:
    script, act = Script(call("act"), "done"), Counted()
    agent = acting(act.__call__, script.model)
    as_kind(lambda: agent.run("go"))
    job = bench.run(KIND)
    assert job.result.output == "done"
    assert steps(job) == [REQUEST, TOOL, f"{REQUEST}/2"]
    assert (script.requests, act.calls) == (2, 1)


def test_a_second_run_in_the_same_job_has_steps_of_its_own(bench: Bench) -> None:
    script = Script("ok")
    agent = durable_agent(script)

    async def twice() -> Any:
        await agent.run("hi")
        return await agent.run("hi again")

    as_kind(twice)
    assert steps(bench.run(KIND)) == [REQUEST, f"{REQUEST}/2"]
    assert script.requests == 2


def test_two_runs_of_one_agent_at_once_are_refused(bench: Bench) -> None:
    agent = durable_agent(Script("ok"))

    async def at_once() -> Any:
        return (await asyncio.gather(agent.run("a"), agent.run("b")))[0]

    as_kind(at_once)
    job = bench.run(KIND)
    assert job.state == "failed"
    assert job.error is not None
    assert job.error.code == "agent_misused"
    assert "name" in job.error.message


def test_two_agents_may_run_at_once(bench: Bench) -> None:
    one, other = durable_agent(Script("1"), "one"), durable_agent(Script("2"), "other")

    async def at_once() -> Any:
        return (await asyncio.gather(one.run("a"), other.run("b")))[1]

    as_kind(at_once)
    job = bench.run(KIND)
    assert sorted(steps(job)) == ["one__model.request", "other__model.request"]
    assert job.result.output == "2"


def test_what_a_tool_tells_the_model_by_raising_is_kept_too(bench: Bench) -> None:
    act = Counted(ModelRetry("try again"))
    agent = acting(act.__call__)
    as_kind(lambda: agent.run("go"))
    job = bench.run(KIND)
    assert (job.result.output, act.calls) == ("done", 1)


@pytest.mark.parametrize(("signal", "field"), [(ApprovalRequired(), "approvals"), (CallDeferred(), "calls")])
def test_a_call_that_is_deferred_ends_the_run(bench: Bench, signal: Exception, field: str) -> None:
    act = Counted(signal)
    agent = acting(act.__call__, output_type=[str, DeferredToolRequests])
    as_kind(lambda: agent.run("go"))
    job = bench.run(KIND)
    assert [each["tool_name"] for each in job.result.output[field]] == ["act"]
    assert act.calls == 1


@pytest.mark.parametrize(
    "result", [ToolReturn(return_value="ok", content="extra"), BinaryContent(data=b"\x89PNG", media_type="image/png")]
)
def test_whatever_a_tool_may_return_comes_back_as_it_was(bench: Bench, result: Any) -> None:
    seen: list[Any] = []

    def model(messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        if len(messages) == 1:
            return ModelResponse(parts=[call("act")])
        seen.append(next(part.content for part in messages[-1].parts if isinstance(part, ToolReturnPart)))
        return ModelResponse(parts=[TextPart("done")])

    act = Counted(result)
    agent = acting(act.__call__, FunctionModel(model))
    as_kind(lambda: agent.run("go"))
    assert bench.run(KIND).result.output == "done"
    assert getattr(seen[0], "data", seen[0]) == (result.data if isinstance(result, BinaryContent) else "ok")
    assert act.calls == 1


def test_a_result_that_is_no_json_fails_the_job_at_once(bench: Bench) -> None:
    act = Counted(object())
    agent = acting(act.__call__)
    as_kind(lambda: agent.run("go"))
    job = bench.run(KIND)
    assert job.error is not None
    assert (job.state, job.error.code, act.calls) == ("failed", "invalid_step_result", 1)


def test_a_tool_that_fails_is_called_again_and_the_request_before_it_is_not(bench: Bench) -> None:
    tries: list[int] = []

    def act() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("the line is down")
        return "sunny"

    script = Script(call("act"), "done")
    agent = acting(act, script.model)
    as_kind(lambda: agent.run("go"), ends=1)
    assert bench.run(KIND).result.output == "done"
    assert (len(tries), script.requests) == (2, 2)


def test_operations_of_other_capabilities_are_steps(bench: Bench) -> None:
    class Recorder(AbstractCapability[Any]):
        id = "recorder"
        calls = 0

        async def before_run(self, ctx: RunContext[Any]) -> None:
            assert await self.record(ctx, "started") == "started"

        @durable_operation("record")
        async def record(self, ctx: RunContext[Any], value: str) -> str:
            Recorder.calls += 1
            return value

    agent = Agent(Script("ok").model, name="clerk", capabilities=[Recorder(), BackdeskDurability()])
    as_kind(lambda: agent.run("hi"))
    assert steps(bench.run(KIND)) == ["clerk__capability__recorder.record", REQUEST]
    assert Recorder.calls == 1


def test_a_handler_of_events_is_told_each_of_them_once(bench: Bench) -> None:
    seen: list[AgentStreamEvent] = []

    async def handler(_ctx: RunContext[Any], events: AsyncIterable[AgentStreamEvent]) -> None:
        seen.extend([event async for event in events])

    script, act = Script(call("act"), "all done"), Counted()
    agent = acting(act.__call__, script.streaming, event_stream_handler=handler)
    as_kind(lambda: agent.run("go"))
    job = bench.run(KIND)
    assert job.result.output == "all done "
    assert job.text == "all done "
    assert "clerk__model.request_stream" in steps(job)
    assert len([event for event in seen if isinstance(event, FunctionToolCallEvent)]) == 1
    assert len([event for event in seen if isinstance(event, PartStartEvent)]) == 2
    assert (script.requests, act.calls) == (2, 1)


def test_another_model_has_its_id_in_the_name_of_its_steps(bench: Bench) -> None:
    usual, cheap = Script("usual"), Script("cheap")
    agent = durable_agent(usual, models={"cheap": cheap.model})
    as_kind(lambda: agent.run("hi", model="cheap"))
    job = bench.run(KIND)
    assert (job.result.output, steps(job)) == ("cheap", [f"{REQUEST}.cheap"])
    assert (usual.requests, cheap.requests) == (0, 1)


def test_a_model_that_is_named_by_a_word_is_the_usual_one(bench: Bench) -> None:
    resolve = ResolveModelId[Any](lambda _ctx, model_id: Script("ok").model if model_id == "mine" else None)
    agent = Agent("mine", name="clerk", capabilities=[resolve, BackdeskDurability()])
    as_kind(lambda: agent.run("hi"))
    assert steps(bench.run(KIND)) == [REQUEST]


def test_a_toolset_that_is_given_to_one_run_is_refused_but_for_tools_that_others_run(bench: Bench) -> None:
    agent = durable_agent(Script("ok"))
    as_kind(lambda: agent.run("hi", toolsets=[FunctionToolset[Any](id="late", tools=[Counted().__call__])]))
    as_kind(
        lambda: agent.run("hi", toolsets=[ExternalToolset[Any]([ToolDefinition(name="remote")], id="ext")]),
        "plugin.external",
    )
    refused = bench.run(KIND).error
    assert refused is not None
    assert refused.code == "agent_misused"
    assert bench.run("plugin.external").result.output == "ok"


def test_tools_that_a_function_gives_are_listed_and_called_as_steps(bench: Bench) -> None:
    act = Counted()
    made = DynamicToolset[Any](lambda _ctx: tools(act.__call__, "inner"), id="made")
    model = Script(call("act"), "done").model
    agent = Agent(model, name="clerk", toolsets=[made], capabilities=[BackdeskDurability()])
    as_kind(lambda: agent.run("go"))
    job = bench.run(KIND)
    assert (job.result.output, act.calls) == ("done", 1)
    assert "clerk__dynamic_toolset__made.call_tool:act/c1" in steps(job)


def test_the_tools_of_a_server_of_mcp_are_listed_and_called_as_steps(bench: Bench) -> None:
    board, script = Board(), Script(call("look_up", number=7), "done")
    with serving(board) as url:
        parcels = MCPToolset(url, id="parcels").with_metadata(backdesk={"effect": "pure"})
        agent = Agent(script.model, name="clerk", toolsets=[parcels], capabilities=[BackdeskDurability()])
        as_kind(lambda: agent.run("go"))
        job = bench.run(KIND)
    assert (job.result.output, board.calls) == ("done", ["look_up 7"])
    assert [(step["key"], step["effect"]) for step in job.of("step")] == [
        ("clerk__mcp_server__parcels.get_tools", "pure"),
        (REQUEST, "idempotent"),
        ("clerk__mcp_server__parcels.call_tool/c1", "pure"),
        (f"{REQUEST}/2", "idempotent"),
    ]


def test_calls_side_by_side_keep_their_own_results_whichever_ends_first(bench: Bench) -> None:
    ended: list[asyncio.Event] = []
    toolset = FunctionToolset[Any](id="tools")

    @toolset.tool_plain(metadata=IDEMPOTENT)
    async def record(marker: str) -> str:
        if marker == "first":
            ended.append(asyncio.Event())
            await ended[0].wait()
        else:
            ended[0].set()
        return marker

    def model(messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        if len(messages) == 1:
            return ModelResponse(parts=[call("record", "r1", marker="first"), call("record", "r2", marker="second")])
        return ModelResponse(
            parts=[
                TextPart(" ".join(str(part.content) for part in messages[-1].parts if isinstance(part, ToolReturnPart)))
            ]
        )

    durability = BackdeskDurability[Any](parallel_execution_mode="parallel_ordered_events")
    agent = Agent(FunctionModel(model), name="clerk", toolsets=[toolset], capabilities=[durability])
    as_kind(lambda: agent.run("go"))
    job = bench.run(KIND)
    assert job.result.output == "first second"
    assert sorted(steps(job))[:2] == [
        "clerk__function_toolset__tools.call_tool:record/r1",
        "clerk__function_toolset__tools.call_tool:record/r2",
    ]


def test_a_message_for_the_run_cannot_be_queued_from_within_a_step(bench: Bench) -> None:
    agent = durable_agent(Script(call("act"), "done"))

    @agent.tool(metadata=IDEMPOTENT)
    def act(ctx: RunContext[Any]) -> None:
        ctx.enqueue("later")

    as_kind(lambda: agent.run("go"))
    error = bench.run(KIND).error
    assert error is not None
    assert "enqueue" in error.message


def test_an_agent_without_a_name_and_a_toolset_without_an_id_are_refused_when_they_are_made() -> None:
    with pytest.raises(UserError, match="unique `name`"):
        Agent(TestModel(), capabilities=[BackdeskDurability()])
    with pytest.raises(UserError, match="unique `id`"):
        Agent(
            TestModel(), name="a", toolsets=[FunctionToolset([Counted().__call__])], capabilities=[BackdeskDurability()]
        )

"""Agents of the OpenAI Agents SDK as jobs, in the manner of the SDK's own examples: tools, handoffs, approval."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest
from agents import (
    Agent,
    FunctionTool,
    LocalShellTool,
    Model,
    ModelResponse,
    RunContextWrapper,
    Runner,
    ToolOutputText,
    Usage,
    UserError,
    function_tool,
    handoff,
)
from agents.testing import ScriptedModel, assistant_message, function_call
from pydantic import BaseModel

from backdesk.agents import GuestJob
from backdesk.client import JobClient
from backdesk.testing import Bench
from backdesk.worker import Budget, Category, TaskContext, TaskError, task
from backdesk.worker.model.asks import AskType
from openai_agents_backdesk import AgentJobRequest, agent_job, run
from openai_agents_backdesk.model import LedgerModel

KIND = "plugin.run"


def counted(name: str, calls: list[str], result: Any = None) -> FunctionTool:
    """A tool that notes its calls."""

    @function_tool(name_override=name)
    def tool() -> Any:
        """Do it."""
        calls.append(name)
        return f"{name} done" if result is None else result

    return tool


def model(*lines: Any) -> ScriptedModel:
    return ScriptedModel([[assistant_message(line)] if isinstance(line, str) else line for line in lines])


def weather() -> tuple[Agent[Any], ScriptedModel, list[str]]:
    """The SDK's first example: an agent with one tool."""
    calls: list[str] = []
    script = model([function_call("get_weather", {}, call_id="c1")], "It is sunny in Tokyo.")
    agent = Agent("Hello world", instructions="You are helpful.", tools=[counted("get_weather", calls)], model=script)
    return agent, script, calls


def twice(agent: Agent[Any], **options: Any) -> None:
    """Register a body that runs the agent, and comes to its end twice, from the top."""
    ended = itertools.count(1)

    @task(KIND)
    async def body(ctx: TaskContext, request: AgentJobRequest) -> AgentJobRequest:
        done = await run(ctx, agent, request.message, **options)
        if next(ended) < 2:
            raise TaskError("again", "once more from the top", category=Category.NETWORK, transient=True)
        return AgentJobRequest(message=str(done.final_output))


def steps(job: Any) -> list[str]:
    return [step["key"] for step in job.of("step")]


# --- a tool ---


def test_an_agent_that_exists_becomes_a_kind_as_it_is(bench: Bench) -> None:
    agent, _, calls = weather()
    agent_job(agent, kind=KIND)
    job = bench.run(KIND, {"message": "What is the weather in Tokyo?"})
    assert (job.state, job.result.answer, job.result.agent) == ("succeeded", "It is sunny in Tokyo.", "Hello world")
    assert [(each.name, each.outcome, each.summary) for each in job.tool_calls] == [
        ("get_weather", "success", "get_weather done")
    ]
    assert (job.result.usage.requests, job.result.usage.tool_calls, calls) == (2, 1, ["get_weather"])


async def test_outside_of_a_job_the_agent_is_as_it_was(bench: Bench) -> None:
    agent, _, calls = weather()
    agent_job(agent, kind=KIND)
    assert (await Runner.run(agent, "What is the weather?")).final_output == "It is sunny in Tokyo."
    assert calls == ["get_weather"]


def test_of_a_model_that_posts_nothing_is_kept_what_the_sdk_gives_it(bench: Bench) -> None:
    agent, script, _ = weather()
    agent.handoffs = [Agent("Colleague", model=script)]
    agent_job(agent, kind=KIND)
    job = bench.run(KIND, {"message": "What is the weather in Tokyo?"})
    with JobClient(settings=bench.settings, checks={}) as client:
        first, second = (each.body or {} for each in client.sent(job.id))
    assert (first["instructions"], first["input"]) == (
        *("You are helpful.", [{"role": "user", "content": "What is the weather in Tokyo?"}]),
    )
    assert [tool["name"] for tool in first["tools"]] == ["get_weather", "transfer_to_colleague"]
    assert [item["type"] for item in second["input"][1:]] == ["function_call", "function_call_output"]


def test_requests_and_calls_are_steps_and_none_is_repeated(bench: Bench) -> None:
    agent, script, calls = weather()
    twice(agent)
    job = bench.run(KIND, {"message": "What is the weather?"})
    assert job.result.message == "It is sunny in Tokyo."
    assert [key.split("-")[0] for key in steps(job)] == ["Hello", "Hello", "Hello"]
    assert (len(script.calls), calls) == (2, ["get_weather"])


class Forecaster(Model):
    """A model that cannot stream, and says what comes next by what was said."""

    def __init__(self) -> None:
        self.requests = 0

    async def get_response(self, **request: Any) -> ModelResponse:  # type: ignore[override]  # all come by name
        self.requests += 1
        said = request["input"] if isinstance(request["input"], list) else []
        known = any(item.get("type") == "function_call_output" for item in said)
        line = assistant_message("It is sunny.") if known else function_call("get_weather", {}, call_id="c1")
        return ModelResponse([line], Usage(requests=1, input_tokens=3, output_tokens=4, total_tokens=7), None)

    def stream_response(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


def test_killed_at_each_write_a_run_repeats_no_finished_step(bench: Bench) -> None:
    calls, forecaster = list[str](), Forecaster()
    agent = Agent("clerk", tools=[counted("get_weather", calls)], model=forecaster)
    agent_job(agent, kind=KIND, effects={"get_weather": "idempotent"})
    for after in itertools.count():
        calls.clear()
        forecaster.requests = 0
        job = bench.submit(KIND, {"message": "What is the weather?"})
        died = bench.lose(job, after=after)
        finished = len(steps(job))
        assert bench.go_on(job).result.answer == "It is sunny."
        assert steps(job) == ["clerk__model", "clerk__tool:get_weather/c1", "clerk__model/2"]
        # What was under way as the worker died, and told nobody, is all that was done twice.
        assert len(calls) + forecaster.requests == 3 + (died and finished < 3)
        assert (job.result.usage.requests, job.result.usage.output_tokens) == (2, 8)
        if not died:
            break
    assert after == 4


def test_a_call_in_whose_midst_the_worker_died_is_put_before_a_person(bench: Bench) -> None:
    agent, script, calls = weather()
    agent_job(agent, kind=KIND)
    job = bench.submit(KIND, {"message": "What is the weather?"})
    assert bench.lose(job, after=2)  # it is announced and made, and not recorded
    assert [ask.type for ask in bench.go_on(job).asks] == [AskType.OUTCOME]
    bench.resolve(job, "done", "sunny")
    assert job.result.answer == "It is sunny in Tokyo."
    assert calls == ["get_weather"]
    assert script.calls[-1].input[-1]["output"] == "sunny"


def test_an_error_that_the_sdk_tells_the_model_is_kept_as_the_answer_that_it_is(bench: Bench) -> None:
    tries: list[int] = []

    @function_tool
    def get_weather() -> str:
        """Get the weather."""
        tries.append(1)
        raise RuntimeError("no satellite")

    script = model([function_call("get_weather", {}, call_id="c1")], "I do not know.")
    twice(Agent("clerk", tools=[get_weather], model=script))
    assert bench.run(KIND, {"message": "Weather?"}).result.message == "I do not know."
    assert len(tries) == 1


@pytest.mark.parametrize(
    ("result", "seen"),
    [
        ({"degrees": 21}, "{'degrees': 21}"),
        (21, "21"),
        (ToolOutputText(text="warm"), [{"type": "input_text", "text": "warm"}]),
    ],
)
def test_what_a_tool_returns_reaches_the_model_as_without_a_job(bench: Bench, result: Any, seen: Any) -> None:
    script = model([function_call("get_weather", {}, call_id="c1")], "Warm.")
    twice(Agent("clerk", tools=[counted("get_weather", [], result)], model=script))
    assert bench.run(KIND, {"message": "Weather?"}).state == "succeeded"
    assert script.calls[-1].input[-1]["output"] == seen


# --- handoffs ---


def test_a_handoff_and_the_way_back_run_in_one_job(bench: Bench) -> None:
    calls: list[str] = []
    billing: Agent[Any] = Agent("billing", tools=[counted("look_up_invoice", calls)])
    triage: Agent[Any] = Agent("triage", handoffs=[billing])
    billing.handoffs = [handoff(triage)]
    script = model(
        [function_call("transfer_to_billing", {}, call_id="h1")],
        [function_call("look_up_invoice", {}, call_id="c1")],
        [function_call("transfer_to_triage", {}, call_id="h2")],
        "All is paid.",
    )
    triage.model = billing.model = script
    agent_job(triage, kind=KIND)
    job = bench.run(KIND, {"message": "Did I pay?"})
    assert (job.result.answer, job.result.agent, calls) == ("All is paid.", "triage", ["look_up_invoice"])
    assert steps(job) == [
        "triage__model", "billing__model", "billing__tool:look_up_invoice/c1", "billing__model/2", "triage__model/2"
    ]  # fmt: skip
    assert [each["agent"] for each in job.of("model_called")] == ["triage", "billing", "billing", "triage"]


def test_an_agent_that_is_a_tool_of_another_is_called_once(bench: Bench) -> None:
    helper = Agent("helper", model=model("Bonjour."))
    script = model([function_call("translate", {"input": "Hello."}, call_id="c1")], "It is: Bonjour.")
    agent = Agent("clerk", tools=[helper.as_tool("translate", "Translate.")], model=script)
    twice(agent, effects={"translate": "pure"})
    assert bench.run(KIND, {"message": "Hello in French?"}).result.message == "It is: Bonjour."
    assert len(script.calls) == 2


# --- approval ---


def refunding(needs_approval: Any = True) -> tuple[Agent[Any], list[str]]:
    """The SDK's example of a human in the loop."""
    refunded: list[str] = []

    @function_tool(needs_approval=needs_approval)
    def refund(order: str) -> str:
        """Refund an order."""
        refunded.append(order)
        return f"{order} refunded"

    script = model(
        [
            function_call("refund", {"order": "7"}, call_id="c1"),
            function_call("refund", {"order": "8"}, call_id="c2"),
        ],
        "What was approved is refunded.",
    )
    return Agent("clerk", tools=[refund], model=script), refunded


def test_calls_that_need_approval_are_asked_for_at_once_and_each_is_decided_by_itself(bench: Bench) -> None:
    agent, refunded = refunding()
    agent_job(agent, kind=KIND)
    job = bench.run(KIND, {"message": "Refund 7 and 8."})
    assert (job.state, sorted(ask.name for ask in job.asks)) == ("waiting", ["approve:refund/c1", "approve:refund/c2"])
    assert job.asks[0].facts["args"] == '{"order":"7"}'
    bench.approve(job, ask="approve:refund/c1")
    bench.deny(job, ask="approve:refund/c2", note="too much")
    assert (job.result.answer, refunded) == ("What was approved is refunded.", ["7"])


def test_what_nobody_approves_in_time_is_refused(bench: Bench) -> None:
    agent, refunded = refunding()
    agent_job(agent, kind=KIND, approve_within=timedelta(hours=1))
    job = bench.run(KIND, {"message": "Refund 7 and 8."})
    bench.advance(timedelta(hours=2))
    assert (bench.go_on(job).state, refunded) == ("succeeded", [])


def test_a_rule_of_the_agents_own_says_which_calls_need_approval(bench: Bench) -> None:
    async def only_eight(_ctx: RunContextWrapper[Any], arguments: dict[str, Any], _call_id: str) -> bool:
        return bool(arguments["order"] == "8")

    agent, refunded = refunding(only_eight)
    agent_job(agent, kind=KIND)
    job = bench.run(KIND, {"message": "Refund 7 and 8."})
    assert [ask.name for ask in job.asks] == ["approve:refund/c2"]
    bench.approve(job)
    assert (job.state, refunded) == ("succeeded", ["7", "8"])


def test_a_conversation_in_which_a_job_waited_has_each_item_once(bench: Bench) -> None:
    agent, _ = refunding()
    agent_job(agent, kind=KIND)
    job = bench.run(KIND, {"message": "Refund 7 and 8."})
    bench.approve(job, ask="approve:refund/c1")
    bench.approve(job, ask="approve:refund/c2")
    script = model("They are refunded.")
    agent_job(Agent("clerk", model=script), kind="plugin.next")
    bench.run("plugin.next", {"message": "Well?", "conversation_id": job.result.conversation_id})
    assert [item.get("type", item.get("role")) for item in script.calls[0].input] == [
        "user", "function_call", "function_call", "function_call_output", "function_call_output", "message", "user"
    ]  # fmt: skip


# --- conversations, contexts, outputs ---


def test_a_conversation_goes_on_in_the_next_job(bench: Bench) -> None:
    script = model("Hello Ada.", "You are Ada.")
    agent_job(Agent("clerk", model=script), kind=KIND)
    first = bench.run(KIND, {"message": "I am Ada.", "customer_id": "ada"})
    more = {"message": "Who am I?", "customer_id": "ada", "conversation_id": first.result.conversation_id}
    assert bench.run(KIND, more).result.answer == "You are Ada."
    assert [item.get("content") for item in script.calls[-1].input if item.get("role") == "user"] == [
        "I am Ada.", "Who am I?"
    ]  # fmt: skip
    error = bench.run(KIND, {**more, "customer_id": "eve"}).error
    assert error is not None
    assert error.code == "conversation_mismatch"


def test_the_context_of_a_run_is_made_of_the_request(bench: Bench) -> None:
    class Order(AgentJobRequest):
        customer: str

    seen: list[Any] = []

    @function_tool
    def who(context: RunContextWrapper[str]) -> str:
        """Say who it is."""
        seen.append(context.context)
        return context.context

    script = model([function_call("who", {}, call_id="c1")], "Ada.")
    agent_job(
        Agent("clerk", tools=[who], model=script), kind=KIND, request=Order, context=lambda _ctx, asked: asked.customer
    )
    assert bench.run(KIND, {"message": "Who?", "customer": "ada"}).result.answer == "Ada."
    assert seen == ["ada"]


class Parcel(BaseModel):
    number: int


def test_a_structured_answer_comes_back_as_its_model(bench: Bench) -> None:
    agent_job(Agent("clerk", output_type=Parcel, model=model('{"number": 7}')), kind=KIND)
    result = bench.run(KIND, {"message": "Which?"}).result
    assert (result.output, result.answer) == (Parcel(number=7), '{"number":7}')


# --- what it may not ---


@pytest.mark.parametrize(
    ("options", "code"), [({"budget": Budget(model_calls=1)}, "budget_exceeded"), ({"max_turns": 1}, "usage_limit")]
)
def test_budgets_and_limits_of_turns_end_the_job(bench: Bench, options: dict[str, Any], code: str) -> None:
    agent, script, _ = weather()
    agent_job(agent, kind=KIND, **options)
    error = bench.run(KIND, {"message": "What is the weather?"}).error
    assert error is not None
    assert (error.code, len(script.calls)) == (code, 1)


def test_a_tool_whose_calls_cannot_be_kept_is_refused(bench: Bench) -> None:
    agent_job(Agent("clerk", tools=[LocalShellTool(executor=lambda _: "")], model=model("never")), kind=KIND)
    error = bench.run(KIND, {"message": "Go."}).error
    assert error is not None
    assert error.code == "agent_misused"
    assert "local_shell" in error.message


def test_an_effect_that_is_none_is_refused_when_the_kind_is_made() -> None:
    with pytest.raises(ValueError, match="get_weather"):
        agent_job(weather()[0], kind=KIND, effects={"get_weather": "harmless"})


def test_run_streamed_is_refused_in_a_job(bench: Bench) -> None:
    refused: list[str] = []

    @task(KIND)
    async def body(ctx: TaskContext, request: AgentJobRequest) -> AgentJobRequest:
        agent = Agent("clerk", model=LedgerModel(GuestJob.of(ctx), "clerk", model("never")))
        try:
            async for _ in Runner.run_streamed(agent, "Go.").stream_events():
                pass
        except UserError as error:
            refused.append(str(error))
        return request

    bench.run(KIND, {"message": "Go."})
    assert "openai_agents_backdesk.run" in refused[0]

"""An agent that exists as a kind of job: what it is asked, what it answers, and what it may use."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterable, Iterator
from typing import Any

import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import (
    Agent,
    DeferredToolRequests,
    ModelRequest,
    NativeOutput,
    PromptedOutput,
    RunContext,
    TextOutput,
    ToolOutput,
    UsageLimits,
    UserPromptPart,
)
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from backdesk.client import JobClient
from backdesk.testing import Bench, sandbox
from backdesk.worker import Budget, InvalidRequest, TaskContext
from backdesk.worker.attempt.registry import REGISTRY, spec_of
from pydantic_ai_backdesk import AgentJobRequest, BackdeskDurability, agent_job
from pydantic_ai_backdesk.kind import _output_type
from tests.plugins.pydantic_ai_backdesk.support import IDEMPOTENT, KIND, Script, call, give
from tests.support.openai_simulator import CutStream, Fault, OpenAISimulator, Text
from tests.support.openai_simulator import call as calls

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
LOG = b"router;error\nR-7;overheats at 92 degrees\n"


class Parcel(BaseModel):
    number: int
    place: str


def text(function: str) -> int:
    return len(function)


@pytest.mark.parametrize("field", ["quality", "confirms"])
def test_what_no_such_agent_looks_at_is_refused_and_not_passed_over(bench: Bench, field: str) -> None:
    agent_job(Agent(Script("In Hamburg.").streaming, name="clerk"), kind=KIND)
    with pytest.raises(InvalidRequest, match=field):
        bench.run(KIND, {"message": "Where is it?", field: "P-000001"})


def test_an_agent_that_exists_becomes_a_kind_as_it_is(bench: Bench) -> None:
    agent = Agent(Script(call("look"), "In Hamburg.").streaming, name="clerk")

    @agent.tool_plain(metadata=IDEMPOTENT)
    def look() -> str:
        return "a kettle"

    agent_job(agent, kind=KIND)
    job = bench.run(KIND, {"message": "Where is my parcel?"})
    assert (job.state, job.result.output, job.text) == ("succeeded", "In Hamburg. ", "In Hamburg. ")
    assert [(each.name, each.outcome, each.summary) for each in job.tool_calls] == [("look", "success", "a kettle")]
    assert (job.result.usage.requests, job.result.usage.tool_calls, job.result.model) == (2, 1, "script")
    assert job.record.usage is not None
    assert job.result.usage.input_tokens == job.record.usage.input_tokens > 0


def test_its_body_calls_it_from_other_bodies_and_says_its_kind() -> None:
    body = agent_job(Agent(Script("ok").model), kind="plugin.body")
    assert spec_of(body).kind == "plugin.body"
    del REGISTRY["plugin.body"]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (str, str),
        (Parcel, Parcel),
        ([Parcel, str], Parcel | str),
        (ToolOutput(Parcel, name="parcel"), Parcel),
        (NativeOutput[Any]([Parcel, int]), Parcel | int),
        (PromptedOutput(Parcel), Parcel),
        (TextOutput(text), int),
        ([str, DeferredToolRequests], str),
        (text, int),
        ([lambda value: value], Any),
    ],
)
def test_the_type_of_the_result_is_that_of_the_agents_output(output: Any, expected: Any) -> None:
    assert _output_type(output) == expected


def test_a_structured_answer_comes_back_as_its_model(bench: Bench) -> None:
    script = Script(call("final_result", number=7, place="Hamburg"))
    agent_job(Agent(script.model, output_type=Parcel), kind=KIND)
    result = bench.run(KIND, {"message": "Where?"}).result
    assert result.output == Parcel(number=7, place="Hamburg")
    assert result.answer == '{"number":7,"place":"Hamburg"}'


def test_a_conversation_goes_on_in_the_next_job(bench: Bench) -> None:
    seen: list[str] = []
    agent = Agent(Script("Hello Ada.", "You are Ada.").model, name="clerk")

    @agent.instructions
    def heard(ctx: RunContext[object]) -> str:
        parts = [part for message in ctx.messages if isinstance(message, ModelRequest) for part in message.parts]
        seen.append(" | ".join(str(part.content) for part in parts if isinstance(part, UserPromptPart)))
        return "Be kind."

    agent_job(agent, kind=KIND)
    first = bench.run(KIND, {"message": "I am Ada."})
    second = bench.run(KIND, {"message": "Who am I?", "conversation_id": first.result.conversation_id})
    assert (second.result.output, second.result.conversation_id) == ("You are Ada.", first.id)
    assert seen == ["I am Ada.", "I am Ada. | Who am I?"]


def test_a_conversation_of_one_customer_is_closed_to_another(bench: Bench) -> None:
    agent_job(Agent(Script("Hello Ada.", "never").model), kind=KIND)
    first = bench.run(KIND, {"message": "I am Ada.", "customer_id": "ada"})
    other = {"message": "Who am I?", "customer_id": "eve", "conversation_id": first.result.conversation_id}
    error = bench.run(KIND, other).error
    assert error is not None
    assert error.code == "conversation_mismatch"


def test_a_history_that_comes_with_the_request_takes_the_place_of_the_conversation(bench: Bench) -> None:
    agent_job(Agent(Script("first", "second").model), kind=KIND)
    said = [
        {"kind": "request", "parts": [{"part_kind": "user-prompt", "content": "before"}]},
        {"kind": "response", "parts": [{"part_kind": "text", "content": "yes"}]},
    ]
    assert bench.run(KIND, {"message": "and?", "message_history": said}).result.output == "second"


def test_a_history_that_is_none_is_refused_with_the_field(bench: Bench) -> None:
    agent_job(Agent(Script("ok").model), kind=KIND)
    error = bench.run(KIND, {"message": "and?", "message_history": [{"kind": "gossip"}]}).error
    assert error is not None
    assert error.code == "invalid_data"
    assert "message_history.0" in str(error.fields)


def test_what_the_agent_depends_on_is_made_of_the_request_in_each_attempt(bench: Bench) -> None:
    class Order(AgentJobRequest):
        customer: str

    agent: Agent[str, str] = Agent(Script(call("who"), "done").model, deps_type=str)
    asked: list[str] = []

    @agent.tool(metadata=IDEMPOTENT)
    def who(ctx: RunContext[str]) -> str:
        asked.append(ctx.deps)
        return ctx.deps

    async def customer(ctx: TaskContext, request: Order) -> str:
        return f"{ctx.tenant}/{request.customer}"

    agent_job(agent, kind=KIND, request=Order, deps=customer)
    bench.run(KIND, {"message": "Who?", "customer": "ada"}, tenant="acme")
    assert asked == ["acme/ada"]


def test_calls_that_need_approval_are_put_before_people_without_a_word_about_it(bench: Bench) -> None:
    agent = Agent(Script(call("pay"), "paid").model, name="clerk")
    give(agent, "pay", lambda: "paid", requires_approval=True)
    agent_job(agent, kind=KIND)
    job = bench.run(KIND, {"message": "Pay."})
    assert job.asks[0].prompt == "Call pay?"
    bench.approve(job)
    assert job.result.output == "paid"


# --- what it may use ---


@pytest.fixture
def provider() -> Iterator[OpenAISimulator]:
    with OpenAISimulator().running() as simulator:
        yield simulator


def model(provider: OpenAISimulator, name: str = "gpt-4o-mini") -> OpenAIChatModel:
    # No connection outlives its request: nobody would close it.
    once = {"Connection": "close"}
    client = AsyncOpenAI(base_url=provider.url, api_key="sk-test", max_retries=0, default_headers=once)
    return OpenAIChatModel(name, provider=OpenAIProvider(openai_client=client))


def test_a_busy_provider_is_asked_again_and_nothing_finished_is_repeated(
    bench: Bench, provider: OpenAISimulator
) -> None:
    provider.will(calls("look"), Fault.error(429, "rate_limit_exceeded", retry_after="3"), Text("In Hamburg."))
    agent, looked = Agent(model(provider), name="clerk"), list[int]()
    give(agent, "look", lambda: looked.append(1), metadata=IDEMPOTENT)
    agent_job(agent, kind=KIND)
    job = bench.run(KIND, {"message": "Where?"})
    assert job.result.output == "In Hamburg."
    assert (len(provider.requests), len(looked)) == (3, 1)
    assert [each["code"] for each in job.of("model_returned")] == [None, "model_rate_limit", None]


async def ignore(_ctx: RunContext[Any], events: AsyncIterable[Any]) -> None:
    async for _ in events:
        pass


@pytest.mark.parametrize("handler", [None, ignore])
def test_a_stream_that_breaks_off_is_asked_for_again(bench: Bench, provider: OpenAISimulator, handler: Any) -> None:
    provider.will(CutStream("We are"), Text("In Hamburg."))
    durability = BackdeskDurability[Any](event_stream_handler=handler)
    agent_job(Agent(model(provider), name="clerk", capabilities=[durability]), kind=KIND)
    job = bench.run(KIND, {"message": "Where?"})
    assert (job.result.output, job.record.attempt) == ("In Hamburg.", 2)
    assert [each["outcome"] for each in job.of("model_returned")] == ["failed", "success"]
    assert job.text.endswith("In Hamburg.")


def test_a_failure_of_the_model_has_a_code_of_its_own(bench: Bench, provider: OpenAISimulator) -> None:
    provider.will(Fault.error(401, "invalid_api_key"))
    agent_job(Agent(model(provider)), kind=KIND)
    error = bench.run(KIND, {"message": "Where?"}).error
    assert error is not None
    assert (error.code, len(provider.requests)) == ("model_auth", 1)


def test_the_agents_own_fallback_is_asked_first(bench: Bench, provider: OpenAISimulator) -> None:
    provider.will(Fault.error(500, "server_error"), Text("by the other"))
    agent_job(Agent(FallbackModel(model(provider), model(provider, "gpt-4o"))), kind=KIND)
    job = bench.run(KIND, {"message": "Where?"})
    assert (job.result.output, job.record.attempt) == ("by the other", 1)


def test_requests_keep_to_the_limits_of_the_fleet_and_their_job_waits_for_room(
    bench: Bench, provider: OpenAISimulator
) -> None:
    with JobClient(settings=bench.settings, checks={}) as client:
        client.limits.services.set(provider.url.split("/")[2] + "/gpt-4o-mini", requests_per_minute=1)
    provider.will(calls("look"), Text("In Hamburg."))
    agent = Agent(model(provider), name="clerk")
    give(agent, "look", lambda: "a kettle", metadata=IDEMPOTENT)
    agent_job(agent, kind=KIND)
    job = bench.run(KIND, {"message": "Where?"})
    assert (job.result.answer, len(provider.requests)) == ("In Hamburg.", 2)
    assert [attempt.outcome for attempt in job.record.attempts] == ["limited"]


@pytest.mark.parametrize("handler", [None, ignore])
def test_what_a_request_costs_is_counted_by_the_prices_of_the_deployment(
    bench: Bench, tmp_path: Any, handler: Any
) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text('{"script": {"input": 1000000, "output": 1000000}}')
    durability = BackdeskDurability[Any](event_stream_handler=handler)
    agent_job(Agent(Script("Hello.").streaming, name="clerk", capabilities=[durability]), kind=KIND)
    with sandbox(prices=prices):
        job = bench.run(KIND, {"message": "Hi."})
    assert job.result.usage.cost_usd == job.result.usage.input_tokens + job.result.usage.output_tokens
    assert job.record.usage is not None
    assert job.record.usage.cost_usd == job.result.usage.cost_usd


def test_a_budget_refuses_the_request_that_it_has_no_room_for(bench: Bench) -> None:
    script = Script(call("look"), "never")
    agent = Agent(script.model)
    give(agent, "look", lambda: "a kettle", metadata=IDEMPOTENT)
    agent_job(agent, kind=KIND, budget=Budget(model_calls=1))
    error = bench.run(KIND, {"message": "Hi."}).error
    assert error is not None
    assert error.code == "budget_exceeded"
    assert script.requests == 1


def test_a_budget_of_tool_calls_counts_each_once(bench: Bench) -> None:
    script = Script(call("look", "c1"), call("look", "c2"), "never")
    agent, looked = Agent(script.model), list[int]()
    give(agent, "look", lambda: looked.append(1), metadata=IDEMPOTENT)
    agent_job(agent, kind=KIND, budget=Budget(tool_calls=1))
    error = bench.run(KIND, {"message": "Hi."}).error
    assert error is not None
    assert (error.code, len(looked)) == ("budget_exceeded", 1)


def test_limits_of_the_agents_own_end_the_job_with_a_code(bench: Bench) -> None:
    script = Script(call("look"), "never")
    agent = Agent(script.model)
    give(agent, "look", lambda: "a kettle", metadata=IDEMPOTENT)
    agent_job(agent, kind=KIND, usage_limits=UsageLimits(request_limit=1))
    error = bench.run(KIND, {"message": "Hi."}).error
    assert error is not None
    assert error.code == "usage_limit"


# --- the files of a message ---


def given(provider: OpenAISimulator) -> list[dict[str, Any]]:
    """Return what the last request says in the name of the customer, piece by piece."""
    said = [message["content"] for message in provider.requests[-1].body["messages"] if message["role"] == "user"]
    return [piece for content in said if isinstance(content, list) for piece in content]


def test_a_model_that_sees_is_given_the_files_of_a_conversation_and_what_is_kept_holds_none(
    bench: Bench, provider: OpenAISimulator
) -> None:
    provider.will(Text("It is broken."), Text("It is still."))
    agent_job(Agent(model(provider), name="clerk"), kind=KIND)
    files = [bench.attach(PNG, "back.png"), bench.attach(LOG, "log.csv")]
    asked = {"message": "What is wrong?", "attachments": [each.model_dump(exclude_none=True) for each in files]}
    first = bench.run(KIND, asked)
    second = bench.run(KIND, {"message": "Sure?", "conversation_id": first.result.conversation_id})
    assert second.result.answer == "It is still."
    _, _, image, log = given(provider)
    assert image["image_url"]["url"] == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert "92 degrees" in log["text"]
    with JobClient(settings=bench.settings, checks={}) as client:
        kept = client.conversations.get(first.result.conversation_id).model_dump_json()
    assert "back.png" in kept
    assert base64.b64encode(PNG).decode() not in kept


@pytest.mark.parametrize(("sees", "types"), [(None, ["text", "text"]), (True, ["text", "text", "image_url"])])
def test_a_model_that_cannot_see_is_told_so_and_an_author_may_know_better(
    bench: Bench, provider: OpenAISimulator, sees: bool | None, types: list[str]
) -> None:
    provider.will(Text("It is broken."))
    agent_job(Agent(model(provider, "house-model"), name="clerk"), kind=KIND, sees=sees)
    photo = bench.attach(PNG, "back.png").model_dump(exclude_none=True)
    bench.run(KIND, {"message": "What is wrong?", "attachments": [photo]})
    assert [each["type"] for each in given(provider)] == types
    assert ("you cannot look at it" in str(given(provider))) == (sees is None)


def test_a_file_that_is_not_there_fails_the_job_by_its_name(bench: Bench, provider: OpenAISimulator) -> None:
    agent_job(Agent(model(provider), name="clerk"), kind=KIND)
    error = bench.run(KIND, {"message": "And this?", "attachments": [{"id": "att-" + "0" * 64}]}).error
    assert error is not None
    assert (error.code, provider.requests) == ("attachment_unknown", [])

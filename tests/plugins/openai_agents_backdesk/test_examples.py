"""Agents in the shapes of the SDK's own examples, before a provider: as they are, they become kinds.

The shapes are those of `basic/tools`, `agents_as_tools`, `human_in_the_loop`, `customer_service`, `input_guardrails`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from agents import (
    Agent,
    GuardrailFunctionOutput,
    Model,
    OpenAIChatCompletionsModel,
    RunContextWrapper,
    Runner,
    function_tool,
    handoff,
    input_guardrail,
)
from openai import AsyncOpenAI
from pydantic import BaseModel

from backdesk.testing import Bench
from openai_agents_backdesk import agent_job
from tests.support.openai_simulator import Calls, OpenAISimulator, Received, Reply, Text, call

KIND = "plugin.example"


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAISimulator]:
    with OpenAISimulator().running() as simulator:
        simulator.closes = True  # no connection outlives its request: nobody would close it
        yield simulator


@pytest.fixture
def provider(server: OpenAISimulator) -> OpenAISimulator:
    server.script.clear()
    server.requests.clear()
    server.rule = None
    return server


@pytest.fixture
def model(provider: OpenAISimulator) -> Model:
    return OpenAIChatCompletionsModel(
        "gpt-4o-mini", AsyncOpenAI(base_url=provider.url, api_key="sk-test", max_retries=0)
    )


def by_calls(*script: Reply) -> Callable[[Received], Reply]:
    """A model that says what comes next by how much was called, however often it is asked."""
    return lambda request: script[len(request.called)]


def lost_at_each_write(bench: Bench, message: str) -> Iterator[Any]:
    """Have a job whose worker dies after none, one, two of its writes, and so on, until it does not; each goes on."""
    for after in count():
        job = bench.submit(KIND, {"message": message})
        died = bench.lose(job, after=after)
        yield bench.go_on(job)
        if not died:
            break
    assert after > 1


# --- tools that return values of a type ---


class Forecast(BaseModel):
    town: str
    degrees: str


def test_a_tool_that_returns_a_model_is_called_once_though_the_worker_dies_at_each_write(
    bench: Bench, provider: OpenAISimulator, model: Model
) -> None:
    asked: list[str] = []

    @function_tool
    def forecast(town: str) -> Forecast:
        """Tell the weather of a town."""
        asked.append(town)
        return Forecast(town=town, degrees="14 to 20")

    agent_job(Agent("forecaster", tools=[forecast], model=model), kind=KIND, effects={"forecast": "pure"})
    provider.rule = by_calls(call("forecast", town="Tokyo"), Text("14 to 20 degrees."))
    for job in lost_at_each_write(bench, "What is the weather in Tokyo?"):
        assert job.result.answer == "14 to 20 degrees."
        assert provider.requests[-1].texts("tool") == ["town='Tokyo' degrees='14 to 20'"]
        # What was under way as the worker died, and told nobody, is all that was done twice.
        assert len(asked) + len(provider.requests) <= 3 + 1
        asked.clear()
        provider.requests.clear()


# --- agents as tools of another ---


def test_agents_that_are_tools_are_asked_by_the_one_that_has_them(
    bench: Bench, provider: OpenAISimulator, model: Model
) -> None:
    translators = {
        language: Agent(f"{language}_translator", instructions=f"Translate to {language}.", model=model)
        for language in ("Spanish", "French")
    }
    tools = [each.as_tool(f"to_{name}", f"Translate to {name}.") for name, each in translators.items()]
    agent_job(Agent("editor", tools=[*tools], model=model), kind=KIND, effects={tool.name: "pure" for tool in tools})
    both = Calls((("to_Spanish", {"input": "Hi"}), ("to_French", {"input": "Hi"})))
    answers = {"Translate to Spanish.": Text("Hola"), "Translate to French.": Text("Salut")}

    def reply(request: Received) -> Reply:
        told = next(iter(request.texts("system")), "")
        return answers.get(told) or (Text(" / ".join(request.texts("tool"))) if request.called else both)

    provider.rule = reply
    job = bench.run(KIND, {"message": "Hi in Spanish and in French?"})
    assert (job.result.answer, job.result.usage.tool_calls) == ("Hola / Salut", 2)
    assert len(provider.requests) == 4


# --- a person in the loop ---


def test_calls_that_a_rule_lets_through_are_made_while_another_waits_for_a_person(
    bench: Bench, provider: OpenAISimulator, model: Model
) -> None:
    measured: list[str] = []

    async def needs_approval(_context: Any, arguments: dict[str, Any], _call_id: str) -> bool:
        return bool(arguments["town"] == "Oakland")

    @function_tool(needs_approval=needs_approval)
    async def measure(town: str) -> str:
        """Measure the temperature of a town."""
        measured.append(town)
        return f"20 degrees in {town}"

    agent_job(Agent("forecaster", tools=[measure], model=model), kind=KIND)
    provider.will(
        Calls((("measure", {"town": "Tokyo"}), ("measure", {"town": "Oakland"}))), Text("20 degrees in both.")
    )
    job = bench.run(KIND, {"message": "How warm is it in Tokyo and in Oakland?"})
    assert [ask.facts["args"] for ask in job.asks] == ['{"town": "Oakland"}']
    assert measured == ["Tokyo"]
    bench.approve(job)
    assert (job.result.answer, measured) == ("20 degrees in both.", ["Tokyo", "Oakland"])
    assert len(provider.requests) == 2


# --- colleagues that hand over, with a context ---


class Flight(BaseModel):
    number: str | None = None
    seat: str | None = None


def airline(model: Model, seated: list[str]) -> Agent[Flight]:
    """A triage, and two colleagues that can hand back; the flight of a seat is known by the handoff to it."""

    @function_tool(name_override="look_up_answer", description_override="Look up what passengers often ask.")
    async def answers(question: str) -> str:
        return "There is free wifi." if "wifi" in question else "Nobody knows."

    @function_tool
    async def change_seat(context: RunContextWrapper[Flight], seat: str) -> str:
        """Give the passenger another seat."""
        assert context.context.number is not None
        context.context.seat = seat
        seated.append(seat)
        return f"Seat {seat} on {context.context.number}"

    async def know_flight(context: RunContextWrapper[Flight]) -> None:
        context.context.number = "FLT-123"

    questions = Agent[Flight]("Questions", tools=[answers], model=model)
    seats = Agent[Flight]("Seats", tools=[change_seat], model=model)
    triage = Agent[Flight]("Triage", handoffs=[questions, handoff(seats, on_handoff=know_flight)], model=model)
    questions.handoffs.append(triage)
    seats.handoffs.append(triage)
    return triage


TALK = (
    call("transfer_to_seats"),
    call("change_seat", seat="1A"),
    call("transfer_to_triage"),
    call("transfer_to_questions"),
    call("look_up_answer", question="wifi"),
    Text("You sit in 1A, and there is free wifi."),
)


def test_colleagues_that_hand_over_and_back_seat_a_passenger_once_though_the_worker_dies_at_each_write(
    bench: Bench, provider: OpenAISimulator, model: Model
) -> None:
    seated: list[str] = []
    effects = {"change_seat": "idempotent", "look_up_answer": "pure"}
    agent_job(airline(model, seated), kind=KIND, context=lambda _ctx, _request: Flight(), effects=effects)
    provider.rule = by_calls(*TALK)
    for job in lost_at_each_write(bench, "Seat 1A, please. And is there wifi?"):
        assert (job.result.answer, job.result.agent) == ("You sit in 1A, and there is free wifi.", "Questions")
        assert provider.requests[-1].texts("tool")[1] == "Seat 1A on FLT-123"
        assert len(seated) + len(provider.requests) <= 1 + len(TALK) + 1
        seated.clear()
        provider.requests.clear()


# --- a guardrail that asks a model ---


class Homework(BaseModel):
    is_homework: bool


def guarded(model: Model) -> Agent[Any]:
    teacher = Agent("teacher", instructions="Is it homework?", output_type=Homework, model=model)

    @input_guardrail
    async def no_homework(
        context: RunContextWrapper[Any], _agent: Agent[Any], said: str | list[Any]
    ) -> GuardrailFunctionOutput:
        found = (await Runner.run(teacher, said, context=context.context)).final_output_as(Homework)
        return GuardrailFunctionOutput(found, tripwire_triggered=found.is_homework)

    return Agent("clerk", input_guardrails=[no_homework], model=model)


def teaching(request: Received) -> Reply:
    homework = "2x" in request.texts("user")[-1]
    return Text(Homework(is_homework=homework).model_dump_json() if request.texts("system") else "Sacramento.")


def test_a_guardrail_lets_through_what_it_is_not_for_and_ends_a_job_by_what_it_is(
    bench: Bench, provider: OpenAISimulator, model: Model
) -> None:
    agent_job(guarded(model), kind=KIND)
    provider.rule = teaching
    assert bench.run(KIND, {"message": "What is the capital of California?"}).result.answer == "Sacramento."
    refused = bench.run(KIND, {"message": "What is x, if 2x + 5 = 11?"})
    assert refused.error is not None
    assert (refused.state, refused.error.code) == ("failed", "agent_stopped")
    assert not refused.record.attempts, "it was tried again"

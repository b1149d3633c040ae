"""Kinds of one's own, by the names of the front door alone: as short as the guide's, on the real engine."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel

import backdesk.agents
from backdesk.agents import (
    Action,
    Agent,
    AgentRequest,
    AgentResult,
    Call,
    Desk,
    Limits,
    Refusal,
    Reply,
    Say,
    Situation,
    Team,
    ToolOutcome,
    agent_task,
    answer,
    demo_rules,
    tool,
)
from backdesk.client import JobClient
from backdesk.quality import QualityGate
from backdesk.testing import Bench, BenchJob, Fail, sandbox, scripted
from backdesk.worker import Budget, TaskContext, task
from backdesk.worker.attempt.registry import spec_of
from backdesk.worker.errors import ConfigurationError
from tests.support.openai_simulator import OpenAISimulator, Text, call

PLACES = {17: "in Hamburg", 18: "at the door"}
#: What the world outside holds, by the key under which it was asked.
SENT: dict[str, int] = {}


class Parcel(BaseModel):
    number: int
    place: str


class Slip(BaseModel):
    text: str


class ParcelSent(Action):
    type: Literal["test.parcel_sent"] = "test.parcel_sent"
    number: int


class Sent(ToolOutcome):
    number: int

    def action(self) -> ParcelSent:
        return ParcelSent(number=self.number)


@tool("pure")
async def look_up_parcel(desk: Desk, number: int) -> str | Refusal:
    """Look up where a parcel is."""
    return PLACES.get(number) or Refusal(refused=f"There is no parcel {number}.")


@tool("pure")
async def list_parcels(desk: Desk) -> dict[str, str]:
    """List all parcels."""
    return {str(number): place for number, place in PLACES.items()}


@tool("pure")
async def show_parcel(desk: Desk, number: int) -> Parcel:
    """Show a parcel."""
    return Parcel(number=number, place=PLACES[number])


@tool("idempotent")
async def send_parcel(desk: Desk, number: int) -> Sent:
    """Send a parcel."""
    SENT[desk.key(f"send/{number}")] = number
    return Sent(number=number)


def rules(now: Situation) -> Reply:
    """Send what is to be sent, and tell of parcels as data."""
    if "send" in now.message and not now.replies_of("send_parcel"):
        return (Call("send_parcel", {"number": 17}),)
    return Say(Parcel(number=17, place=PLACES[17])) if "give_answer" in now.outputs else Say("It is sent.")


CLERK = Agent("clerk", "Tell where parcels are.", tools=(look_up_parcel, list_parcels, show_parcel))
FORM = Agent("form", "Tell where parcels are.", output=Parcel)
SENDER = Team("sender", (Agent("sender", "Send parcels.", tools=(send_parcel,)),), rules=rules)
DEMO = Team("demo", (CLERK, Agent("archive", "Tell of the past.")), rules=demo_rules)


@agent_task("own.clerk")
async def own_clerk(ctx: TaskContext, request: AgentRequest) -> AgentResult:
    return await answer(ctx, CLERK, request)


@agent_task("own.form")
async def own_form(ctx: TaskContext, request: AgentRequest) -> AgentResult[Parcel]:
    return await answer(ctx, Team("form", (FORM,), rules=rules), request)


@agent_task("own.typed")
async def own_typed(ctx: TaskContext, request: AgentRequest) -> AgentResult[Parcel]:
    return await answer(ctx, FORM, request)


@agent_task("own.misfit")
async def own_misfit(ctx: TaskContext, request: AgentRequest) -> AgentResult[Slip]:
    return await answer(ctx, FORM, request, AgentResult[Slip])


@agent_task("own.sender")
async def own_sender(ctx: TaskContext, request: AgentRequest) -> AgentResult:
    return await answer(ctx, SENDER, request)


@agent_task("own.demo")
async def own_demo(ctx: TaskContext, request: AgentRequest) -> AgentResult:
    return await answer(ctx, DEMO, request)


@pytest.fixture
def bench() -> Iterator[Bench]:
    SENT.clear()
    with Bench() as bench, sandbox():
        yield bench


def ask(bench: Bench, kind: str, message: str, **options: Any) -> BenchJob:
    return bench.run(kind, {"message": message}, **options)


# The front door


def test_the_front_door_loads_no_agent_library_until_a_name_needs_it() -> None:
    script = """
import sys, backdesk.agents
heavy = {"pydantic_ai", "openai", "sqlalchemy", "celery"}
print(sorted(heavy & set(sys.modules)))
from backdesk.agents import Action, AgentRequest, AgentResult, Say
print(sorted(heavy & set(sys.modules)))
from backdesk.agents import Agent, Team, tool
print(sorted({"pydantic_ai", "openai"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]"] * 3


@pytest.mark.parametrize("name", dir(backdesk.agents))
def test_every_name_of_the_front_door_is_there_and_hides_no_module(name: str) -> None:
    assert getattr(backdesk.agents, name) is not None
    assert not (Path(backdesk.agents.__file__).parent / f"{name}.py").exists()


# A single agent


def test_a_kind_of_agents_takes_every_option_of_a_task_that_is_not_the_same_for_all_of_them() -> None:
    of_task, of_agents = (signature(each).parameters.keys() for each in (task, agent_task))
    assert of_task - of_agents == {"queue", "prepare", "prompts"}


def test_a_single_agent_answers_without_classes_of_its_own(bench: Bench) -> None:
    with scripted(Call("look_up_parcel", {"number": 17}), Say("It is in Hamburg.")):
        job = ask(bench, "own.clerk", "Where is parcel 17?")
    assert type(job.result) is AgentResult
    assert (job.result.answer, job.result.path, job.result.output) == ("It is in Hamburg.", ["clerk"], None)


def test_a_conversation_goes_on_with_a_single_agent(bench: Bench) -> None:
    with scripted(Say("Which one?"), Say("In Hamburg.")) as model:
        first = ask(bench, "own.clerk", "Where is it?")
        bench.run("own.clerk", {"message": "17", "conversation_id": first.result.conversation_id})
    assert model.requests[1].said == ("Where is it?", "17")


# Without a model


def test_without_a_model_and_rules_a_job_fails_at_once_and_says_what_to_configure(bench: Bench) -> None:
    job = ask(bench, "own.clerk", "Where is parcel 17?")
    assert job.error is not None
    assert (job.state, job.error.code, len(job.of("started"))) == ("failed", "no_model", 1)
    for remedy in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "BACKDESK_MODEL", "rules"):
        assert remedy in job.error.message


@pytest.mark.parametrize(
    ("message", "called", "said"),
    [
        ("Where is parcel 18?", ["look_up_parcel"], "at the door (offline model)"),
        ("Where is parcel 19?", ["look_up_parcel"], "There is no parcel 19. (offline model)"),
        ("list all, please", ["list_parcels"], "17: in Hamburg, 18: at the door (offline model)"),
        ("What is love?", [], "found nothing to do in 'What is love?'. I may call list_parcels, look_up_parcel,"),
    ],
)
def test_the_rules_of_a_demo_call_what_fits_the_words(bench: Bench, message: str, called: list[str], said: str) -> None:
    job = ask(bench, "own.demo", message)
    assert [call.name for call in job.tool_calls] == called
    assert said in job.result.answer
    assert job.result.offline


def test_the_rules_of_a_demo_hand_over_to_whom_the_message_names(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    clerk = Agent("clerk", "Tell where parcels are.", hands_to=("archive",), tools=(look_up_parcel,))
    monkeypatch.setattr(f"{__name__}.DEMO", Team("demo", (clerk, DEMO.agents[1]), rules=demo_rules))
    assert ask(bench, "own.demo", "Ask the archive").result.path == ["clerk", "archive"]


def test_the_rules_of_a_demo_hand_over_where_an_agent_may_not_answer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    triage = Agent("triage", "Find out what it is about.", hands_to=("archive",), answers=False)
    monkeypatch.setattr(f"{__name__}.DEMO", Team("demo", (triage, DEMO.agents[1]), rules=demo_rules))
    assert ask(bench, "own.demo", "Hello").result.path == ["triage", "archive"]


# What tools return


@pytest.mark.parametrize(
    ("called", "data", "summary"),
    [
        (Call("look_up_parcel", {"number": 17}), "in Hamburg", "in Hamburg"),
        (Call("list_parcels", {}), {"17": "in Hamburg", "18": "at the door"}, "17: in Hamburg, 18: at the door"),
        (Call("show_parcel", {"number": 18}), {"number": 18, "place": "at the door"}, "number: 18, place: at the door"),
    ],
)
def test_a_tool_returns_text_data_or_a_model(bench: Bench, called: Call, data: object, summary: str) -> None:
    with scripted(called, Say("There.")) as model:
        job = ask(bench, "own.clerk", "Where?")
    assert [reply.data for reply in model.requests[1].replies] == [data]
    assert [reply.succeeded for reply in model.requests[1].replies] == [True]
    assert [each.summary for each in job.tool_calls] == [summary]


def test_what_a_tool_returned_is_known_to_the_attempt_after_a_crash(bench: Bench) -> None:
    for after in itertools.count():
        with scripted(rule=_looks_up) as model:
            job = bench.submit("own.clerk", {"message": "Where?"})
            died = bench.lose(job, after=after)
            assert bench.go_on(job).result.answer == "There."
        assert [reply.data for reply in model.requests[-1].replies] == [{"number": 18, "place": "at the door"}]
        if not died:
            break


def _looks_up(now: Situation) -> Reply:
    return Say("There.") if now.replies else (Call("show_parcel", {"number": 18}),)


@pytest.mark.parametrize("problem", ["async", "returns"])
def test_a_function_that_cannot_be_a_tool_is_refused_by_name(problem: str) -> None:
    async def says_nothing(desk: Desk):  # type: ignore[no-untyped-def]  # the mistake  # noqa: ANN202
        return 1

    def blocks(desk: Desk) -> str:
        return ""

    function, why = (blocks, "async def") if problem == "async" else (says_nothing, "must say what it returns")
    with pytest.raises(ConfigurationError, match=why):
        tool("pure")(function)  # type: ignore[arg-type]  # the mistake


# Actions of one's own


def test_an_action_of_a_tool_is_in_the_result_once_whenever_the_worker_dies(bench: Bench) -> None:
    for after in itertools.count():
        SENT.clear()
        job = bench.submit("own.sender", {"message": "send it"})
        died = bench.lose(job, after=after)
        assert bench.go_on(job).result.actions == [ParcelSent(number=17)]
        assert list(SENT.values()) == [17]
        if not died:
            break
    assert after > 3


def test_a_client_without_the_class_reads_the_action_with_all_its_fields(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = ask(bench, "own.sender", "send it").result.model_dump_json()
    monkeypatch.delitem(Action._known, "test.parcel_sent")
    (action,) = AgentResult.model_validate_json(sent).actions
    assert type(action) is Action
    assert action.model_dump() == {"type": "test.parcel_sent", "number": 17}


def test_an_action_without_a_type_is_refused() -> None:
    with pytest.raises(TypeError, match="Nameless needs a type of its own"):

        class Nameless(Action):
            pass


# Structured answers


@pytest.mark.parametrize("watched", [True, False])
def test_an_agent_with_an_output_type_answers_by_it(bench: Bench, watched: bool) -> None:
    bench.watched = watched
    with scripted(Call("give_answer", {"number": "no number"}), Say(Parcel(number=18, place="at the door"))) as model:
        job = ask(bench, "own.form", "Where is parcel 18?")
    assert job.result.output == Parcel(number=18, place="at the door")
    assert job.result.answer == '{"number":18,"place":"at the door"}'
    assert not model.requests[0].may_say
    assert len(model.requests) == 2, "what does not fit is mended"


def test_rules_answer_by_an_output_type_and_the_conversation_goes_on(bench: Bench) -> None:
    first = ask(bench, "own.form", "Where is parcel 17?")
    again = bench.run("own.form", {"message": "And now?", "conversation_id": first.result.conversation_id})
    assert first.result.output == again.result.output == Parcel(number=17, place="in Hamburg")


def test_a_structured_answer_survives_its_worker(bench: Bench) -> None:
    for after in itertools.count():
        job = bench.submit("own.form", {"message": "Where is parcel 17?"})
        died = bench.lose(job, after=after)
        assert bench.go_on(job).result.output == Parcel(number=17, place="in Hamburg")
        if not died:
            break


def test_the_texts_of_a_structured_answer_pass_the_gate_of_its_agent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.FORM", Agent("form", "Tell.", output=Parcel, quality=QualityGate()))
    with scripted(Say(Parcel(number=17, place="at the damn door")), Say(Parcel(number=17, place="at the door"))):
        result = ask(bench, "own.form", "Where is parcel 17?").result
    assert result.output == Parcel(number=17, place="at the door")
    assert (result.quality.corrections, result.quality.review.passed) == (1, True)


def test_the_result_of_an_agent_with_an_output_type_is_typed_by_it_without_a_word(bench: Bench) -> None:
    with scripted(Say(Parcel(number=18, place="at the door"))):
        result = ask(bench, "own.typed", "Where is parcel 18?").result
    assert type(result) is AgentResult[Parcel]
    assert result.output == Parcel(number=18, place="at the door")


def test_a_team_has_a_result_with_room_for_what_each_of_it_answers_by() -> None:
    slip = Agent("slip", "Write slips.", output=Slip)
    assert Team("both", (FORM, slip)).result is AgentResult[Parcel | Slip]
    assert Team("both", (FORM, CLERK)).result is AgentResult[Parcel]
    assert Team("clerk", (CLERK,)).result is AgentResult


def test_a_result_with_no_room_for_what_an_agent_answers_by_is_refused_before_a_model_is_asked(bench: Bench) -> None:
    with scripted() as model:
        job = ask(bench, "own.misfit", "Where is parcel 18?")
    assert job.error is not None
    assert "'form' of the team 'form' answers by Parcel, which is no output of AgentResult[Slip]" in job.error.message
    assert "have the body return AgentResult[Parcel]" in job.error.message
    assert model.requests == []


def test_the_contract_of_a_kind_tells_the_fields_of_its_output() -> None:
    schema = spec_of(own_form).contract.result_schema
    assert schema["$defs"]["Parcel"]["required"] == ["number", "place"]


# Limits of one agent


@pytest.mark.parametrize(
    ("limits", "message"), [(Limits(requests=1), "more of the model"), (Limits(tool_calls=0), "more of the model")]
)
def test_an_agent_that_wants_more_than_its_own_limits_fails_the_job(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, limits: Limits, message: str
) -> None:
    monkeypatch.setattr(f"{__name__}.CLERK", Agent("clerk", "Tell.", tools=(list_parcels,), limits=limits))
    with scripted(Call("list_parcels", {}), Say("There.")):
        job = ask(bench, "own.clerk", "Where?")
    assert job.error is not None
    assert job.error.code == "usage_limit"
    assert message in job.error.message


def test_the_limits_of_an_agent_count_from_when_the_conversation_came_to_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    triage = Agent("triage", "Hand over.", hands_to=("clerk",), limits=Limits(requests=1))
    clerk = Agent("clerk", "Tell.", tools=(list_parcels,), limits=Limits(requests=2, tool_calls=1))
    monkeypatch.setattr(f"{__name__}.DEMO", Team("demo", (triage, clerk)))
    with scripted(
        Call("hand_over", {"to": "clerk", "reason": "It is theirs."}),
        Call("list_parcels", {}),
        Fail("model_rate_limit"),
        Say("Here."),
    ):
        assert ask(bench, "own.demo", "Where?").result.path == ["triage", "clerk"]


@pytest.mark.parametrize("wrong", [{"requests": 0}, {"tool_calls": -1}, {"answer_tokens": 0}])
def test_limits_within_which_nothing_can_be_answered_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="no agent can answer"):
        Limits(**wrong)


# A model of one's own


@pytest.fixture
def provider() -> Iterator[OpenAISimulator]:
    with OpenAISimulator().running() as provider:
        yield provider


@pytest.fixture
def online(provider: OpenAISimulator, tmp_path: Path) -> Iterator[Bench]:
    """A bench whose agents ask the provider, each model at its price."""
    prices = tmp_path / "prices.json"
    prices.write_text('{"dear": {"input": 1000, "output": 1000}, "cheap": {"input": 1, "output": 1}}')
    with Bench() as bench, sandbox(base_url=provider.url, model="dear", fallback_model="spare", prices=prices):
        yield bench


TRIAGE = Agent(
    "triage",
    "Hand over.",
    hands_to=("clerk",),
    answers=False,
    model="cheap",
    temperature=0,
    limits=Limits(answer_tokens=200),
)
TO_CLERK = call("hand_over", to="clerk", reason="it is theirs")


@pytest.fixture
def triaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.DEMO", Team("demo", (TRIAGE, CLERK)))


@pytest.mark.usefixtures("triaged")
@pytest.mark.parametrize("watched", [True, False])
def test_each_agent_asks_its_own_model_in_its_own_way(online: Bench, provider: OpenAISimulator, watched: bool) -> None:
    online.watched = watched
    provider.will(TO_CLERK, Text("In Hamburg."))
    job = ask(online, "own.demo", "Where?")
    first, second = (request.body for request in provider.requests)
    sent = ("model", "temperature", "max_completion_tokens")
    assert [first.get(name) for name in sent] == ["cheap", 0, 200]
    assert [second.get(name) for name in sent] == ["dear", None, None]
    assert (job.result.model, job.result.degraded) == ("dear", None)
    assert job.result.usage.cost_usd == pytest.approx(15 * (1 + 1000) / 1e6)


@pytest.mark.usefixtures("triaged")
def test_limits_of_a_service_hold_for_the_model_of_the_agent(online: Bench, provider: OpenAISimulator) -> None:
    resource = f"{provider.url.removeprefix('http://').removesuffix('/v1')}/cheap"
    with JobClient(settings=online.settings, checks={}) as client:
        client.limits.services.set(resource, requests_per_minute=60_000)
        provider.will(TO_CLERK, Text("In Hamburg."))
        ask(online, "own.demo", "Where?")
        assert [bucket.bucket.partition("#")[0] for bucket in client.limits.services.list()[0].buckets] == [resource]


@pytest.mark.usefixtures("triaged")
def test_a_budget_counts_by_the_price_and_the_longest_answer_of_the_agents_model(
    online: Bench, provider: OpenAISimulator
) -> None:
    provider.will(TO_CLERK)
    job = ask(online, "own.demo", "Where?", budget=Budget(cost_usd=0.01))
    assert job.error is not None
    assert (job.error.code, len(provider.requests)) == ("budget_exceeded", 1), "the dear one is not asked"
    assert provider.requests[0].body["max_completion_tokens"] == 200


@pytest.mark.usefixtures("triaged")
def test_the_fallback_stands_in_for_the_model_of_an_agent_too(online: Bench, provider: OpenAISimulator) -> None:
    with JobClient(settings=online.settings, checks={}) as client:
        client.breakers.open(f"{provider.url.removeprefix('http://').removesuffix('/v1')}/cheap")
        provider.will(TO_CLERK, Text("In Hamburg."))
        ask(online, "own.demo", "Where?")
    assert [request.body["model"] for request in provider.requests] == ["spare", "dear"]


def test_offline_rules_heed_no_model_of_an_agent(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.DEMO", Team("demo", (Agent("clerk", "Tell.", model="cheap"),), rules=demo_rules))
    assert ask(bench, "own.demo", "Hello").result.model == "offline"


# Prompts


def test_a_prompt_is_read_from_a_file_of_any_folder_as_the_agent_is_made(tmp_path: Path) -> None:
    (tmp_path / "clerk.md").write_text("Tell where parcels are.")
    (prompt,) = Agent("clerk", tmp_path / "clerk.md").prompts
    assert prompt.text == "Tell where parcels are."


def test_a_prompt_that_is_not_there_or_says_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"prompt of the agent 'clerk' cannot be read: .*clerk.md"):
        Agent("clerk", tmp_path / "clerk.md")
    with pytest.raises(ConfigurationError, match="agent 'clerk' has no instructions"):
        Agent("clerk", " ")


def test_a_worker_without_a_prompt_does_not_start_and_its_last_line_says_which(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from pathlib import Path\n\nfrom backdesk.agents import Agent\n\n"
        "CLERK = Agent('clerk', Path(__file__).with_name('clerk.md'))\n"
    )
    env = os.environ | {"BACKDESK_TASK_MODULES": "mine", "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "celery", "-A", "backdesk.worker.app", "worker"]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode != 0
    said = done.stderr.strip().splitlines()[-1]
    assert "ConfigurationError: the prompt of the agent 'clerk' cannot be read: " in said
    assert said.endswith("clerk.md'")

"""Messages go to the specialist whose field they are: by rules where these tell, by a model where they do not."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backdesk.agents import Agent, Call, Desk, Say, Situation, tool
from backdesk.agents.specialists import (
    Sign,
    Specialist,
    register_specialist,
    ruling_on,
    specialists,
    withdraw_specialist,
)
from backdesk.kinds.route import kind
from backdesk.kinds.route.gates import CODING
from backdesk.quality import Draft, QualityGate
from backdesk.testing import Bench, Fail, sandbox, scripted
from backdesk.worker.errors import ConfigurationError

Registering = Callable[[Agent], Specialist]
HERE = Path(__file__).parent
PARIS = "Will it rain in Paris tomorrow?"
OPEN = "Should I pack a coat for New York tomorrow?"


@pytest.fixture
def bench() -> Iterator[Bench]:
    assert kind.NAME == "route"
    with Bench() as bench, sandbox():
        yield bench


@pytest.fixture
def soup() -> Iterator[Registering]:
    """Registers an agent for what is asked about soup."""

    def registering(card: Agent) -> Specialist:
        signs = (Sign(re.compile("soup"), 9.0, "it is about soup"),)
        return register_specialist(Specialist(card.name, card, about="Cooking", signs=signs))

    yield registering
    withdraw_specialist("cook")


def rulings(file: str) -> Counter[str]:
    lines = [line for line in (HERE / file).read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    asked = [line.split(" | ", 2) for line in lines]
    found = [(whose, ruling_on(message, specialists()).specialist) for whose, _, message in asked]
    return Counter("open" if said is None else "right" if said == whose else "wrong" for whose, said in found)


def test_rules_decide_nothing_wrong_of_what_they_were_made_for_and_leave_a_fifth_open() -> None:
    found = rulings("requests.txt")
    assert found.total() >= 200
    assert found["wrong"] == 0
    assert found["right"] / found.total() >= 0.8


def test_rules_decide_little_wrong_of_what_they_were_not_made_for() -> None:
    found = rulings("unseen.txt")
    assert found.total() >= 50
    assert found["wrong"] <= 2
    assert found["right"] / found.total() >= 0.35


@pytest.mark.parametrize(
    ("message", "whose", "answer"),
    [
        (PARIS, "weather", "recorded sample of 2026-11-30, not the weather of now"),
        ("Wie viel sind 19 Prozent von 240 Euro?", "calculation", "19% of 240 euro = 45.60 EUR"),
        ("Is this Python all right?\n```python\ndef f(:\n```", "code", "has an error in line 1: invalid syntax"),
        (
            "What is the weather in Kyoto tomorrow?",
            "weather",
            "There is no recorded sample weather of Kyoto, but of Berlin",
        ),
        ("Hello!", "general", "No model is configured"),
    ],
)
def test_without_a_model_each_specialist_answers_by_its_tools(
    bench: Bench, message: str, whose: str, answer: str
) -> None:
    job = bench.run("team.route", {"message": message})
    assert (job.result.specialist, job.result.decided_by) == (whose, "rule")
    assert answer in job.result.answer
    assert job.result.reason
    assert job.of("routed")[0]["specialist"] == whose


def test_a_model_decides_what_rules_leave_open_and_says_why(bench: Bench) -> None:
    choice = {"specialist": "weather", "reason": "It depends on the weather there.", "confidence": 0.8}
    with scripted(Call("give_answer", choice), Say("Take one.")) as model:
        job = bench.run("team.route", {"message": OPEN})
    result = job.result
    assert (result.specialist, result.decided_by, result.confidence) == ("weather", "model", 0.8)
    assert (result.reason, result.answer) == ("It depends on the weather there.", "Take one.")
    assert result.usage.requests == len(model.requests) == 2


def test_a_model_is_not_asked_for_what_rules_tell(bench: Bench) -> None:
    with scripted(Say("Rain.")) as model:
        job = bench.run("team.route", {"message": PARIS})
    assert (job.result.decided_by, len(model.requests)) == ("rule", 1)


def test_who_takes_the_rest_answers_where_nobody_can_tell(bench: Bench) -> None:
    job = bench.run("team.route", {"message": OPEN})
    assert (job.result.specialist, job.result.decided_by, job.result.confidence) == ("general", "default", 0)
    assert "no model is configured" in job.result.reason


def test_a_model_that_cannot_tell_leaves_it_to_who_takes_the_rest(bench: Bench) -> None:
    with scripted(*[Call("give_answer", {"specialist": "cook"})] * 3, Say("Take one.")):
        job = bench.run("team.route", {"message": OPEN})
    assert (job.result.specialist, job.result.decided_by) == ("general", "default")


def test_a_message_that_points_nowhere_goes_on_with_who_has_the_conversation(bench: Bench) -> None:
    first = bench.run("team.route", {"message": PARIS})
    more = bench.run("team.route", {"message": "And in Tokyo?", "conversation_id": first.result.conversation_id})
    assert (more.result.specialist, more.result.decided_by) == ("weather", "conversation")
    assert more.result.answer.startswith("Tokyo")


def test_the_caller_may_name_the_specialist(bench: Bench) -> None:
    job = bench.run("team.route", {"message": "Hello!", "specialist": "calculation"})
    assert (job.result.specialist, job.result.decided_by) == ("calculation", "caller")
    unknown = bench.run("team.route", {"message": "Hello!", "specialist": "cook"})
    assert unknown.error is not None
    assert unknown.error.code == "unknown_specialist"


def test_another_module_may_register_a_specialist(bench: Bench) -> None:
    cook = Specialist(
        "cook",
        Agent("cook", "You cook."),
        about="Cooking",
        notices=lambda message: [(9.0, "it is about soup")] if "soup" in message else [],
        rules=lambda _: Say("Add salt."),
    )
    register_specialist(cook)
    try:
        job = bench.run("team.route", {"message": "My soup is bland."})
        assert (job.result.specialist, job.result.reason, job.result.answer) == (
            "cook",
            "it is about soup",
            "Add salt.",
        )
        with pytest.raises(ConfigurationError, match="there is a specialist 'cook' already"):
            register_specialist(Specialist("cook", Agent("other", "You cook too."), about="Cooking"))
    finally:
        withdraw_specialist("cook")


def test_a_specialist_that_was_registered_without_a_gate_has_the_usual_one(soup: Registering, bench: Bench) -> None:
    soup(Agent("cook", "You cook."))
    with scripted(Say("You idiot, we guarantee 9999 EUR."), Say("Add salt.")) as model:
        job = bench.run("team.route", {"message": "My soup is bland."})
    assert (job.result.specialist, job.result.answer, len(model.requests)) == ("cook", "Add salt.", 2)


def test_a_specialist_keeps_the_gate_that_it_was_given(soup: Registering, bench: Bench) -> None:
    soup(Agent("cook", "You cook.", quality=QualityGate(checks=(), threshold=0)))
    with scripted(Say("Take 9999 g of salt.")):
        job = bench.run("team.route", {"message": "My soup is bland."})
    assert job.result.answer == "Take 9999 g of salt."


@pytest.mark.parametrize(
    "answer",
    [
        "Say it so:\n```python\nfor u in range(4096): print(u)\n```\nIt was read and not run.",
        "In capitals:\n```sql\nCREATE TABLE IF NOT EXISTS prescription (id INT)\n```\nIt was read and not run.",
        "The function call `sleep(4096)` waits; it was read and not run.",
        'Indented:\n  ```json\n  {"one": 1}\n  ```\nIt was read and not run.',
        "You wrote this, which lacks a bracket:\n```python\nprint(1\n```\nIt was read and not run.",
        "In the old days it was this:\n```\nprint 1\n```\nIt was read and not run.",
        "In another language:\n```rust\nfn main( {\n```\nIt was read and not run.",
    ],
)
def test_code_in_an_answer_is_no_fact_no_shouting_and_no_slang(answer: str) -> None:
    assert CODING.review(Draft(answer, asked="How do I write that in code?\nprint(1")).failed == []


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        ("It takes 4096 seconds:\n```python\nrun()\n```", "supported_facts"),
        ("You are owed `9999 EUR` for it, as was read.", "supported_facts"),
        ("You are owed\n```\nsomething()\n```\nand 9999 EUR.\n```\nsomething()\n```", "supported_facts"),
        ("You are owed this:\n```\n9999 EUR, and the fence has no end.", "supported_facts"),
        ("Say it so:\n```python\npay('4111 1111 1111 1111')\n```", "payment_card"),
        ("Say it so:\n```python\nprint('idiot')\n```", "banned_words"),
        ("Say it so:\n```python\nprint('so'\n```", "well_formed_code"),
        ("Say it so:\n```json\n{one: 1}\n```", "well_formed_code"),
        ("Say it so:\n```sql\nSELECT FROM WHERE (\n```", "well_formed_code"),
    ],
)
def test_what_stands_around_code_is_checked_and_so_is_what_code_must_not_hold(answer: str, failed: str) -> None:
    assert failed in CODING.review(Draft(answer, asked="How do I write that in code?")).failed


def test_two_that_are_alike_near_are_left_open() -> None:
    def one(name: str) -> Specialist:
        return Specialist(name, Agent(name, "x"), about=name, signs=(Sign(re.compile("tea"), 3.0, f"tea of {name}"),))

    ruling = ruling_on("tea", [one("green"), one("black")])
    assert ruling.specialist is None
    assert ruling.reason == "it could be for green (tea of green) or black (tea of black)"


def test_the_answer_comes_whenever_the_worker_dies(bench: Bench) -> None:
    def rule(situation: Situation) -> Say | tuple[Call, ...]:
        if "give_answer" in situation.outputs:
            return (Call("give_answer", {"specialist": "weather", "reason": "A coat.", "confidence": 1}),)
        return Say("Take one.")

    for after in itertools.count():
        with scripted(rule=rule):
            job = bench.submit("team.route", {"message": OPEN})
            died = bench.lose(job, after=after)
            bench.go_on(job)
        assert (job.result.specialist, job.result.decided_by, job.result.answer) == ("weather", "model", "Take one.")
        if not died:
            break


def test_what_was_decided_is_told_once_whatever_the_specialist_waits_for(bench: Bench, soup: Registering) -> None:
    @tool("pure")
    async def ask_the_market(desk: Desk) -> str:
        """Ask what there is."""
        return str((await desk.call("team.route", {"message": PARIS})).state)

    soup(Agent("cook", "You cook.", tools=(ask_the_market,)))
    with scripted(Call("ask_the_market", {}), Say("It will."), Say("Take salt.")):
        job = bench.run("team.route", {"message": "My soup is bland.", "specialist": "cook"})
    assert job.record.attempt > 1
    assert [data["specialist"] for data in job.of("routed")] == ["cook"]


def test_a_specialist_that_was_withdrawn_on_the_way_is_told_by_its_name(bench: Bench, soup: Registering) -> None:
    soup(Agent("cook", "You cook."))
    with scripted(Say("Add salt.")):
        job = bench.submit("team.route", {"message": "My soup is bland.", "specialist": "cook"})
        assert bench.lose(job, after=1)
        withdraw_specialist("cook")
        bench.go_on(job)
    assert job.error is not None
    assert (job.error.code, "'cook' is none of" in job.error.message) == ("unknown_specialist", True)


def test_a_model_that_fails_is_told_of_by_the_fallback(bench: Bench) -> None:
    with scripted(rule=lambda _: Fail("model_refused")):
        job = bench.run("team.route", {"message": PARIS})
    assert (job.state, job.result.degraded, job.result.specialist) == ("succeeded", "fallback_answer", "")


def test_an_apology_claims_no_decision(bench: Bench) -> None:
    result = bench.run("team.route", {"message": PARIS}, budget={"tokens": 1}).result
    assert (result.degraded, result.specialist, result.decided_by) == ("fallback_answer", "", None)

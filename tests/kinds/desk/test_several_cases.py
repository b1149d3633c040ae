"""Several cases of one conversation: it is with a person until the last of those that are taken is left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from backdesk.agents import AgentResult
from backdesk.client import JobClient
from backdesk.shop.testing import sample_shop
from backdesk.testing import Bench

PLEA = "I want to talk to a human being, please"


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Two cases of the conversation `talk`, taken by Ada and by Ben."""
    with sample_shop(), Bench() as bench:
        for _ in range(2):
            say(bench, PLEA)
        for case, by in zip(cases(bench), ("ada", "ben"), strict=True):
            act(bench, "take", case, by)
        yield bench


def say(bench: Bench, message: str) -> AgentResult:
    result: AgentResult = bench.run(
        "support.request", {"message": message, "customer_id": "cust-8"}, conversation_id="talk"
    ).result
    return result


def cases(bench: Bench) -> list[str]:
    return sorted(case.case for case in bench.run("service.desk", {"act": "list"}).result.cases)


def act(bench: Bench, act: str, case: str, by: str) -> None:
    job = bench.run("service.desk", {"act": act, "case": case, "by": by, "conversation_id": "talk"})
    assert not job.error


def last_turn(bench: Bench) -> Any:
    with JobClient(settings=bench.settings, checks={}) as client:
        return client.conversations.get("talk").turns[-1]


@pytest.mark.parametrize("leaves", ["close", "hand_back"])
def test_the_agents_are_silent_until_the_last_person_leaves(bench: Bench, leaves: str) -> None:
    first, second = cases(bench)
    act(bench, leaves, first, "ada")
    turn = last_turn(bench)
    assert (turn.facts["with_person"]["case"], turn.facts["with_person"]["by"]) == (second, "ben")
    note = f"Your colleague ada has {'closed' if leaves == 'close' else 'left'} the case {first}."
    assert turn.messages[0]["parts"][0]["content"] == note
    answer = say(bench, "Is anybody there?")
    assert (answer.with_person, answer.answer) == (True, "")
    act(bench, leaves, second, "ben")
    answer = say(bench, "How do I pair my headphones?")
    assert not answer.with_person
    assert answer.answer


def test_what_a_customer_answers_while_another_person_has_them_is_their_rating(bench: Bench) -> None:
    first, _ = cases(bench)
    act(bench, "close", first, "ada")
    assert say(bench, "5").agent == "rating"
    assert say(bench, "5").agent == "person"

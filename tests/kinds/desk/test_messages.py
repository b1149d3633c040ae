"""Whoever has a conversation hears of each message that the customer writes meanwhile, once."""

from __future__ import annotations

from typing import Any

import pytest

from backdesk.client import JobClient
from backdesk.shop.testing import sample_shop
from backdesk.testing import Bench
from tests.support.mortal_bench import MortalBench, deaths

PLEA = "I want to talk to a human being, please"


def act(bench: Bench, act: str) -> str:
    (case,) = bench.run("service.desk", {"act": "list"}).result.cases
    assert not bench.run("service.desk", {"act": act, "case": case.case, "by": "ada", "conversation_id": "talk"}).error
    return str(case.case)


def told(bench: Bench) -> list[Any]:
    with JobClient(settings=bench.settings, checks={}) as client:
        requests: list[Any] = [record.request for record in client.list(kind="notify.send").items]
    return [each for each in reversed(requests) if each["event"] == "case.message"]


def test_at_whichever_write_its_worker_dies_whoever_has_the_conversation_is_told_of_each_message(
    subtests: pytest.Subtests,
) -> None:
    for death in deaths():
        with subtests.test(death=death), sample_shop(), MortalBench() as bench:
            bench.run("support.request", {"message": PLEA, "customer_id": "cust-8"}, conversation_id="talk")
            case = act(bench, "take")
            job = bench.submit(
                "support.request", {"message": "Hello?", "customer_id": "cust-8"}, conversation_id="talk"
            )
            assert bench.outlive(job, death).result.with_person
            (message,) = told(bench)
            assert (message["to"], message["text"]) == ("staff", f"{case}: the customer has written to ada")
            assert message["data"] == {"case": case, "customer_id": "cust-8", "conversation_id": "talk", "by": "ada"}
            bench.run("support.request", {"message": "Anybody?", "customer_id": "cust-8"}, conversation_id="talk")
            assert len(told(bench)) == 2


def test_nobody_is_told_of_messages_that_agents_answer(bench: Bench) -> None:
    bench.run("support.request", {"message": PLEA, "customer_id": "cust-8"}, conversation_id="talk")
    act(bench, "take")
    act(bench, "hand_back")
    answer = bench.run(
        "support.request", {"message": "Thank you", "customer_id": "cust-8"}, conversation_id="talk"
    ).result
    assert (answer.with_person, told(bench)) == (False, [])

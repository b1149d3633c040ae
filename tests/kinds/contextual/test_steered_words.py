"""What a customer writes while the assistant works is their word as much as what it began with, whoever dies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import backdesk.kinds.contextual.kind  # noqa: F401 - registers the kind
from backdesk.testing import Bench, BenchJob
from backdesk.worker.model.job import JobState
from tests.support.openai_simulator import OpenAISimulator, Received, Reply, Text, call

ADDED = "And write to me by sms, please"


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench() as bench:
        yield bench


def say(bench: Bench, message: str) -> BenchJob:
    request = {"message": message, "customer_id": "cust-2"}
    return bench.submit("assistant.contextual", request, conversation_id="talk", when_busy="steer")


@pytest.mark.parametrize("writes", [None, 4], ids=["in the same attempt", "in the attempt after a crash"])
def test_a_quote_of_what_was_added_counts_in_this_attempt_and_the_next(
    bench: Bench, provider: OpenAISimulator, writes: int | None
) -> None:
    added: list[BenchJob] = []

    def reply(received: Received) -> Reply:
        if not received.called:
            added[:] = added or [say(bench, ADDED)]
            return call("look_up_order", order_number=10002)
        if "update_preference" not in received.called:
            return call("update_preference", preference="contact_method", value="sms", quote="write to me by sms")
        return Text("Order 10002 is on its way, and I write by sms from now on.")

    provider.rule = reply
    job = say(bench, "Where is order 10002?")
    if writes is not None:
        assert bench.lose(job, after=writes)
    bench.go_on(job)
    assert added[0].state is JobState.STEERED
    assert [action.type for action in job.result.actions] == ["preference"]

"""A message that comes while agents work, on real workers: they see it at their next step, whoever dies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from uuid import uuid4

import pytest

from backdesk.client import Job
from backdesk.worker.model.job import JobState
from tests.support.deployment import shop_fleet
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.openai_simulator import OpenAISimulator, Received, Reply, Text, call
from tests.support.workers import Fleet, Worker

TASKS = "backdesk.kinds.support.kind"
#: For how long the simulated model waits for the test, in seconds.
LONGEST_S = 60.0


class Script:
    """Plays the refund agent, and stops where a test wants to say something."""

    def __init__(self) -> None:
        self.stops_at, self.stopped, self.go_on = "look_up_order", Event(), Event()

    def __call__(self, received: Received) -> Reply:
        if "refund_order" not in received.tools:
            return call("hand_over", to="refund", reason="?")
        if "look_up_order" not in received.called:
            self._stop_at("look_up_order")
            return call("look_up_order", order_number=10003)
        self._stop_at("the end")
        return Text(f"You said {len(received.texts('user'))} things. Last: {received.texts('user')[-1]}")

    def stop_next_at(self, place: str) -> None:
        """Go on from where it has stopped, to another place."""
        held, self.go_on = self.go_on, Event()
        self.stops_at, self.stopped = place, Event()
        held.set()

    def _stop_at(self, place: str) -> None:
        if place == self.stops_at and not self.stopped.is_set():
            go_on = self.go_on
            self.stopped.set()
            go_on.wait(LONGEST_S)


@pytest.fixture(scope="module")
def model() -> Iterator[OpenAISimulator]:
    with OpenAISimulator().running() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, seeded: Path) -> Iterator[Fleet]:
    with shop_fleet(tmp_path_factory.mktemp("steering"), seeded) as fleet:
        yield fleet


@pytest.fixture
def script(model: OpenAISimulator) -> Iterator[Script]:
    model.rule = script = Script()
    yield script
    script.go_on.set()


@pytest.fixture
def talk() -> str:
    """A conversation of the test's own."""
    return uuid4().hex


@pytest.fixture
def worker(fleet: Fleet, model: OpenAISimulator, script: Script) -> Worker:
    """The one that is alive, for the tests that leave it so."""
    return next((each for each in fleet.workers if each.alive), None) or begin(fleet, model)


def begin(fleet: Fleet, model: OpenAISimulator) -> Worker:
    worker = fleet.begin_worker(slots=4, BACKDESK_TASK_MODULES=TASKS, OPENAI_BASE_URL=model.url)
    fleet.wait_for(worker)
    return worker


def say(fleet: Fleet, talk: str, message: str, **fields: str) -> Job:
    request = {"message": message, "customer_id": "cust-8"} | fields
    return fleet.jobs.submit("support.request", request, conversation_id=talk, when_busy="steer")


def said(fleet: Fleet, talk: str) -> list[str]:
    """What the customer has said in the conversation, as it is kept."""
    turns = fleet.jobs.conversations.get(talk).turns
    parts = [part for turn in turns for message in turn.messages for part in message["parts"]]
    return [part["content"] for part in parts if part["part_kind"] == "user-prompt"]


def test_a_message_is_seen_by_the_agent_at_work_and_answered_by_its_job(
    fleet: Fleet, worker: Worker, script: Script, talk: str
) -> None:
    first = say(fleet, talk, "I return order 10003")
    assert script.stopped.wait(PATIENCE_S)
    second = say(fleet, talk, "It is too loud")
    script.go_on.set()
    answer = second.result(PATIENCE_S)["answer"]
    assert re.match(r"You said 2 things. Last: It is too loud", answer)
    assert first.result(PATIENCE_S)["answer"] == answer
    assert (second.get().state, second.get().steered_into) == (JobState.STEERED, first.id)
    assert said(fleet, talk) == ["I return order 10003", "It is too loud"]


def test_a_message_that_was_taken_is_told_once_when_the_worker_is_killed(
    fleet: Fleet, model: OpenAISimulator, worker: Worker, script: Script, talk: str
) -> None:
    first = say(fleet, talk, "I return order 10003")
    assert script.stopped.wait(PATIENCE_S)
    second = say(fleet, talk, "It is too loud")
    script.stop_next_at("the end")
    assert script.stopped.wait(PATIENCE_S)
    eventually(lambda: second.get().state is JobState.STEERED, what="the message taken")
    worker.kill()
    begin(fleet, model)
    assert re.match(r"You said 2 things. Last: It is too loud", first.result(PATIENCE_S)["answer"])
    assert first.get().attempt > 1
    assert said(fleet, talk) == ["I return order 10003", "It is too loud"]


def test_a_message_after_the_last_step_is_the_next_job(fleet: Fleet, worker: Worker, script: Script, talk: str) -> None:
    script.stops_at = "the end"
    first = say(fleet, talk, "I return order 10003")
    assert script.stopped.wait(PATIENCE_S)
    second = say(fleet, talk, "It is too loud")
    script.go_on.set()
    assert "I return order 10003" in first.result(PATIENCE_S)["answer"]
    assert "It is too loud" in second.result(PATIENCE_S)["answer"]
    assert second.get().state is JobState.SUCCEEDED


def test_another_customer_steers_nobody(fleet: Fleet, worker: Worker, script: Script, talk: str) -> None:
    first = say(fleet, talk, "I return order 10003")
    assert script.stopped.wait(PATIENCE_S)
    second = say(fleet, talk, "Send it to me", customer_id="cust-9")
    script.go_on.set()
    assert "You said 1 things" in first.result(PATIENCE_S)["answer"]
    assert second.client.wait(second.id, PATIENCE_S).state is JobState.FAILED

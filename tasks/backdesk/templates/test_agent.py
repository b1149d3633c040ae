"""How `example.kind` behaves: the real engine on a bench, without a server to start, a model to pay or a pause."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from backdesk.testing import Bench, Call, Fail, Say, sandbox, scripted

from backdesk.templates.agent import ENTRIES

QUESTION = {"message": "What are your opening hours?"}
LOOK_UP = Call("look_up", {"topic": "opening hours"})


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench() as bench, sandbox():
        yield bench


def test_the_answer_is_looked_up_and_streamed(bench: Bench) -> None:
    with scripted(LOOK_UP, Say("From 9 to 17.")) as model:
        job = bench.run("example.kind", QUESTION, tenant="acme")
    assert job.result.answer == job.text == "From 9 to 17."
    assert [(call.name, call.args, call.outcome) for call in job.tool_calls] == [
        ("look_up", {"topic": "opening hours"}, "success")
    ]
    assert model.requests[1].replies_of("look_up")[0].data == ENTRIES["opening hours"]


def test_a_model_that_is_busy_is_asked_again(bench: Bench) -> None:
    with scripted(LOOK_UP, Fail("model_rate_limit", retry_after_s=60), Say("From 9 to 17.")):
        job = bench.run("example.kind", QUESTION)
    assert job.result.answer == "From 9 to 17."
    assert len(job.tool_calls) == 1


def test_a_job_goes_on_when_its_worker_dies(bench: Bench) -> None:
    job = bench.submit("example.kind", QUESTION)
    assert bench.lose(job, after=2)
    assert "from 9 to 17" in bench.go_on(job).result.answer


def test_what_is_not_known_is_said(bench: Bench) -> None:
    job = bench.run("example.kind", {"message": "What is love?"})
    assert "Nothing is known" in job.result.answer

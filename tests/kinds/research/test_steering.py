"""What a reader asks for while the report is made changes its plan between two stages, and repeats nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backdesk.testing import Bench, BenchJob, scripted
from tests.kinds.research.researchers import QUESTION, Researcher

TALK = {"conversation_id": "talk", "sections": 2, "depth": "quick", "pdf": False}


def begun(bench: Bench) -> BenchJob:
    job = bench.submit("research.report", {"message": QUESTION, **TALK})
    return bench.attempt(job)


def steer(bench: Bench, words: str, **more: object) -> BenchJob:
    return bench.submit("research.report", {**TALK, "message": words, **more}, when_busy="steer")


@pytest.fixture
def model() -> Iterator[Researcher]:
    researcher = Researcher()
    with scripted(rule=researcher):
        yield researcher


def test_what_is_to_be_left_out_is_not_written(bench: Bench, model: Researcher) -> None:
    job = begun(bench)
    message = steer(bench, "Please leave out the cost.")
    result = bench.go_on(job).result
    assert [each.title for each in result.outline] == ["Life"]
    assert result.steered == ["Left out: Cost"]
    assert message.state == "steered"
    assert [given["title"] for given in model.given_to("writer")] == ["Life"]


def test_what_is_to_be_added_is_searched_for_read_and_written(bench: Bench, model: Researcher) -> None:
    job = begun(bench)
    before = model.asked["reader"]
    steer(bench, "Add a section about warranty cycles")
    result = bench.go_on(job).result
    assert [each.title for each in result.plan.topics] == ["Life", "Cost", "Warranty cycles"]
    assert "Warranty cycles" in [each.title for each in result.outline]
    assert model.asked["reader"] > before


def test_what_rules_add_is_found_whatever_the_question_was(bench: Bench) -> None:
    question = "How reliable, safe and expensive are brinecells?"
    job = bench.attempt(bench.submit("research.report", {**TALK, "message": question}))
    steer(bench, "Add a section about recycling")
    assert "Recycling" in [each.title for each in bench.go_on(job).result.outline]


def test_a_section_that_is_written_is_not_written_again(bench: Bench, model: Researcher) -> None:
    job = begun(bench)
    while model.asked["writer"] < 1:
        for child in job.children:
            if not child.record.done:
                bench.attempt(child)
        if not model.asked["writer"]:
            bench.attempt(job)
    steer(bench, "Add a section about warranty cycles")
    bench.go_on(job)
    titles = [given["title"] for given in model.given_to("writer")]
    assert sorted(titles) == sorted(set(titles))
    assert "Warranty cycles" in titles


def test_the_words_of_another_customer_and_those_with_files_are_jobs_of_their_own(
    bench: Bench, model: Researcher
) -> None:
    job = begun(bench)
    files = steer(bench, "Leave out the cost", attachments=[bench.attach(b"text", "a.txt")])
    other = steer(bench, "Leave out the cost", customer_id="cust-2")
    result = bench.go_on(job).result
    assert result.steered == []
    assert (files.state, other.state) == ("queued", "queued")


def test_without_a_model_rules_understand_what_is_plain(bench: Bench) -> None:
    job = bench.attempt(bench.submit("research.report", {**TALK, "message": QUESTION, "sections": 3}))
    steer(bench, "leave out the cost")
    steer(bench, "Hello?")
    result = bench.go_on(job).result
    assert result.steered == ["Left out: Cost", "Nothing that the rules understand: Hello?"]
    assert "Cost" not in [each.title for each in result.plan.topics]


def test_a_plan_that_changes_is_told(bench: Bench, model: Researcher) -> None:
    job = begun(bench)
    before = [step["title"] for step in job.of("plan")[-1]["steps"]]
    steer(bench, "Leave out the cost")
    bench.go_on(job)
    after = [step["title"] for step in job.of("plan")[-1]["steps"]]
    assert "Read on: Cost" in before
    assert "Read on: Cost" not in after
    assert any("Changed the plan: Left out: Cost" in data["message"] for data in job.of("progress"))

"""A budget covers all parts of a report; at its end the report is made of what there is, and says so."""

from __future__ import annotations

from typing import Any

import pytest

from backdesk.testing import Bench, BenchJob, scripted
from tests.kinds.research.researchers import REQUEST, Researcher

NO_PDF = {**REQUEST, "pdf": False}


def run(bench: Bench, model: Researcher, **budget: Any) -> BenchJob:
    with scripted(rule=model):
        return bench.run("research.report", NO_PDF, budget=budget)


@pytest.mark.parametrize("calls", [2, 3, 4, 5])
def test_at_the_end_of_its_budget_it_reports_by_quotations_what_was_found(bench: Bench, calls: int) -> None:
    model = Researcher()
    job = run(bench, model, model_calls=calls)
    result = job.result
    assert model.asked.total() == calls
    assert not result.complete
    assert "ends before all was done" in result.problems[0]
    assert "cycles" in result.report
    assert all(each.supported for each in result.checks)
    assert job.record.degraded is not None
    assert job.record.degraded.code == "budget_exceeded"


def test_what_has_found_nothing_yet_fails_as_any_other_job(bench: Bench) -> None:
    job = run(bench, Researcher(), model_calls=1)
    assert job.error is not None
    assert job.error.code == "budget_exceeded"


def test_a_budget_that_asks_is_asked_and_as_much_again_is_enough(bench: Bench) -> None:
    model = Researcher()
    with scripted(rule=model):
        job = bench.run("research.report", NO_PDF, budget={"model_calls": 4, "on_limit": "approve"})
        assert job.state == "waiting"
        asking = next(each for each in [job, *job.children] if any(ask.type == "approval" for ask in each.asks))
        bench.approve(asking)
    assert job.result.complete
    assert model.asked.total() == 6


def test_time_that_is_over_ends_it_with_what_there_is(bench: Bench) -> None:
    model = Researcher()
    with scripted(rule=model):
        job = bench.submit("research.report", NO_PDF, budget={"wall_s": 3600})
        bench.attempt(job)
        for child in job.children:
            bench.attempt(child)
        bench.advance(4000)
        bench.go_on(job)
    assert not job.result.complete
    assert "cycles" in job.result.report
    assert "outliner" not in model.asked


def test_a_report_that_is_cancelled_takes_its_parts_with_it(bench: Bench) -> None:
    with scripted(rule=Researcher()):
        job = bench.attempt(bench.submit("research.report", NO_PDF))
        first, *others = job.children
        bench.attempt(first)
        bench.cancel(job)
    assert job.state == "cancelled"
    assert (first.state, {each.state for each in others}) == ("succeeded", {"cancelled"})

"""A body tells its plan, and a later attempt goes on with it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from backdesk.testing import Bench
from backdesk.worker import BlockingContext, TaskContext, TaskError, task
from backdesk.worker.attempt.registry import REGISTRY


class Nothing(BaseModel):
    pass


@pytest.fixture
def bench() -> Iterator[Bench]:
    @task("planning.report")
    async def report(ctx: TaskContext, request: Nothing) -> Nothing:
        plan = ctx.plan({"read": "Read the orders", "write": "Write the report"})
        for key in ("read", "write"):
            with plan.step(key):
                await ctx.step(key, int)
        return request

    @task("planning.tries")
    def tries(ctx: BlockingContext, request: Nothing) -> Nothing:
        with ctx.plan(["Try"]).step("Try"):
            raise TaskError("no_luck", "This fails.")

    with Bench() as bench:
        yield bench
    for kind in ("planning.report", "planning.tries"):
        REGISTRY.pop(kind)


def states(steps: list[dict[str, Any]]) -> str:
    return " ".join(step["state"] for step in steps)


def test_a_plan_is_told_as_it_is_gone_through(bench: Bench) -> None:
    job = bench.run("planning.report", {})
    assert [states(told["steps"]) for told in job.of("plan")] == [
        "pending pending",
        "running pending",
        "done pending",
        "done running",
        "done done",
    ]
    assert job.of("plan")[0]["steps"][0] == {"key": "read", "title": "Read the orders", "state": "pending"}


def test_the_newest_event_is_the_plan(bench: Bench) -> None:
    job = bench.run("planning.report", {})
    newest = [event for event in job.events if event.plan][-1]
    assert [(step.name, step.state) for step in newest.plan] == [("read", "done"), ("write", "done")]


def test_what_is_done_stays_done_whenever_the_worker_dies(bench: Bench) -> None:
    for after in itertools.count():
        job = bench.submit("planning.report", {})
        died = bench.lose(job, after=after)
        bench.go_on(job)
        told = [states(each["steps"]) for each in job.of("plan")]
        assert told[-1] == "done done"
        done = [each.split().count("done") for each in told]
        assert done == sorted(done), told
        if not died:
            break
    assert after > 5


def test_a_step_in_a_def_body_that_raises_has_failed(bench: Bench) -> None:
    job = bench.run("planning.tries", {})
    assert states(job.of("plan")[-1]["steps"]) == "failed"


def test_a_plan_that_is_told_again_does_not_keep_a_job_alive_that_takes_its_workers_down(bench: Bench) -> None:
    job = bench.submit("planning.report", {})
    for _ in range(3):
        bench.lose(job, after=2)  # behind the plan and its first mark, before the first step is kept
    error = bench.go_on(job).error
    assert error is not None
    assert error.code == "poison"

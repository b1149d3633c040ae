"""Jobs that a body starts and does not wait for."""

from __future__ import annotations

from typing import Any

import pytest

from backdesk.testing import Bench
from backdesk.worker import BlockingContext, TaskContext, task
from backdesk.worker.errors import UnknownKind
from backdesk.worker.model.job import JobState
from tests.support.kinds import Text

STARTED: list[str] = []


@task("start.async")
async def start_async(ctx: TaskContext, request: Text) -> Text:
    STARTED.append(await ctx.start("test.echo", {"text": request.text}, "echo"))
    if ctx.attempt == 1:
        raise ConnectionError("away")
    return Text(text=STARTED[-1])


@task("start.def", queue="tools")
def start_def(ctx: BlockingContext, request: Text) -> Text:
    return Text(text=ctx.start("test.echo", {"text": request.text}, "echo"))


@task("start.nobody")
async def start_nobody(ctx: TaskContext, request: Text) -> Text:
    with pytest.raises(UnknownKind):
        await ctx.start("nobody.has", {}, "key")
    return request


@task("start.traced")
async def start_traced(ctx: TaskContext, request: Text) -> Text:
    STARTED.append(await ctx.start("test.echo", {"text": request.text}, "echo"))
    await ctx.call("test.echo", {"text": request.text})
    return Text(text=ctx.traceparent or "")


@pytest.fixture
def bench() -> Any:
    STARTED.clear()
    with Bench() as bench:
        yield bench


def test_a_job_is_started_once_whichever_attempt_asks(bench: Bench) -> None:
    job = bench.run("start.async", {"text": "hello"})
    assert job.state is JobState.SUCCEEDED
    assert len(STARTED) == 2
    assert len(set(STARTED)) == 1
    assert job.children == []


def test_a_def_body_starts_jobs_too(bench: Bench) -> None:
    assert bench.run("start.def", {"text": "hello"}).state is JobState.SUCCEEDED


def test_a_kind_that_nobody_has_is_an_error_that_the_body_can_take(bench: Bench) -> None:
    assert bench.run("start.nobody", {"text": "hello"}).state is JobState.SUCCEEDED


def test_jobs_that_it_starts_and_calls_carry_its_trace_context(bench: Bench) -> None:
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    job = bench.run("start.traced", {"text": "hello"}, traceparent=traceparent)
    assert job.result.text == traceparent
    others = [bench.job(STARTED[0]), *job.children]
    assert [each.record.traceparent for each in others] == [traceparent] * 2

"""What ended minute by minute, in all and by kind and queue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.job import JobState, Succeeded, Usage
from tests.support.board import Board, Clock
from tests.support.clients import Client

MINUTE_MS = 60_000


@pytest.fixture
def now_ms(board: Board) -> int:
    return int(board.client.time()[0]) * 1000


def ago(board: Board, now_ms: int, minutes: float) -> Board:
    """The same store, so many minutes ago."""
    return Board(board.client, board.settings, Clock(now_ms - round(minutes * MINUTE_MS)))


def run(
    board: Board, job_id: str, *, waits: float = 0, runs: float = 0, usage: Usage | None = None, **job: Any
) -> None:
    """Have a job wait and run for so many seconds."""
    board.submit(job_id, **job)
    board.clock.advance(waits)
    claim = board.start(job_id)
    board.clock.advance(runs)
    board.finish(claim, Succeeded(b'"done"'), usage)


async def test_the_last_hour_is_told_minute_by_minute_where_nothing_ended_too(jobs: Client, now_ms: int) -> None:
    series = await jobs.series()
    assert len(series.total) == 61  # with the minute that has begun
    assert {point.jobs for point in series.total} == {0}
    assert (series.total[0].wait, series.total[0].run, series.groups) == (None, None, [])
    assert [b.at - a.at for a, b in zip(series.total, series.total[1:], strict=False)] == [timedelta(minutes=1)] * 60
    assert series.until - series.total[-1].at == timedelta(minutes=1)


async def test_a_job_is_told_in_the_minute_in_which_it_ended(jobs: Client, board: Board, now_ms: int) -> None:
    usage = Usage(requests=1, input_tokens=100, output_tokens=20, cost_usd=0.25)
    run(ago(board, now_ms, 10), "a", waits=3, runs=70, usage=usage)
    cancelled = ago(board, now_ms, 5)
    cancelled.cancel(cancelled.submit())
    told = [point for point in (await jobs.series()).total if point.jobs]
    ended_ms = now_ms - 10 * MINUTE_MS + 73_000
    assert [int(point.at.timestamp()) * 1000 for point in told] == [
        ms // MINUTE_MS * MINUTE_MS for ms in (ended_ms, now_ms - 5 * MINUTE_MS)
    ]
    done, not_begun = told
    assert (done.states[JobState.SUCCEEDED], not_begun.states[JobState.CANCELLED]) == (1, 1)
    assert (done.input_tokens, done.output_tokens, done.cost_usd) == (100, 20, 0.25)
    assert done.wait is not None
    assert (done.wait.count, done.wait.mean) == (1, 3)
    assert 2.048 < done.wait.p50 <= 4.096
    assert done.run is not None
    assert done.run.mean == 70
    assert 65.536 < done.run.p95 <= 131.072
    assert not_begun.run is None


async def test_steps_of_more_minutes_add_up_what_ended_in_them(jobs: Client, board: Board, now_ms: int) -> None:
    for minutes in range(20, 30):
        run(ago(board, now_ms, minutes), f"job-{minutes}")
    series = await jobs.series(step=timedelta(minutes=30))
    assert series.step == timedelta(minutes=30)
    assert all(int(point.at.timestamp()) % 1800 == 0 for point in series.total)
    assert sum(point.jobs for point in series.total) == 10


async def test_kinds_and_queues_are_told_by_themselves_the_busiest_first(
    jobs: Client, board: Board, now_ms: int
) -> None:
    then = ago(board, now_ms, 5)
    run(then, "a", kind="test.echo")
    run(then, "b", kind="test.steps", tenant="acme")
    run(then, "c", kind="test.steps", tenant="beta", queue="tools")
    by_kind, by_queue = await jobs.series(by="kind"), await jobs.series(by="queue")
    counts = [
        {group.name: sum(point.jobs for point in group.points) for group in series.groups}
        for series in (by_kind, by_queue)
    ]
    assert counts == [{"test.steps": 2, "test.echo": 1}, {"agents": 2, "tools": 1}]
    assert [group.name for group in by_kind.groups] == ["test.steps", "test.echo"]
    for kind, queue, count in (("test.steps", None, 2), ("test.steps", "tools", 1), ("test.none", None, 0)):
        assert sum(point.jobs for point in (await jobs.series(kind=kind, queue=queue)).total) == count


async def test_a_time_that_is_over_is_told_alone(jobs: Client, board: Board, now_ms: int) -> None:
    for minutes in (90, 180, 300):
        run(ago(board, now_ms, minutes), f"job-{minutes}")
    series = await jobs.series(since=timedelta(hours=4), until=timedelta(hours=2), step=600)
    assert sum(point.jobs for point in series.total) == 1
    assert series.until <= datetime.now(UTC) - timedelta(minutes=109)


async def test_two_days_are_told(jobs: Client, board: Board, now_ms: int) -> None:
    for hours in (1, 47, 50):
        run(ago(board, now_ms, hours * 60), f"job-{hours}")
    series = await jobs.series(since=timedelta(hours=48), step=timedelta(hours=1))
    assert sum(point.jobs for point in series.total) == 2


@pytest.mark.parametrize(
    ("asked", "field", "reason"),
    [
        ({"since": timedelta(hours=49)}, "since", "kept for 48 hours"),
        ({"since": 0}, "since", "a moment, or how long ago: a timedelta or seconds over 0"),
        ({"since": datetime(2999, 1, 1, tzinfo=UTC)}, "since", "must be before now"),
        ({"since": 3600, "until": 7200}, "since", "must be before until"),
        ({"until": "soon"}, "until", "a moment"),
        ({"step": 90}, "step", "whole minutes"),
        ({"step": 0}, "step", "a timedelta or seconds over 0"),
        ({"step": timedelta(days=3)}, "step", "48 hours"),
        ({"by": "tenant"}, "by", "kind, queue"),
    ],
)
async def test_what_cannot_be_told_is_refused_with_the_field(
    jobs: Client, asked: dict[str, Any], field: str, reason: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await jobs.series(**asked)
    assert [*refused.value.fields] == [field]
    assert reason in str(refused.value)

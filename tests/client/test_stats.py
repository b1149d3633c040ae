"""What jobs came to over the last days, told by kind, tenant and day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.job import JobState, Succeeded, Usage
from tests.support.board import Board, Clock
from tests.support.clients import Client

DONE = Succeeded(b'"done"')


@pytest.fixture
def today(board: Board) -> datetime:
    seconds, _ = board.client.time()
    return datetime.fromtimestamp(seconds, UTC)


def ago(board: Board, days: int) -> Board:
    """The same store, so many days ago."""
    return Board(board.client, board.settings, Clock(round(board.client.time()[0] * 1000) - days * 86_400_000))


def answer(board: Board, job_id: str, cost_usd: float | None = 0.25, **measures: float) -> None:
    """Have a job end that asked a model."""
    usage = Usage(requests=2, input_tokens=100, output_tokens=20, cost_usd=cost_usd, measures=measures)
    board.finish(board.start(board.submit(job_id)), DONE, usage)


async def test_where_nothing_has_ended_there_is_nothing_to_tell(jobs: Client, today: datetime) -> None:
    stats = await jobs.stats()
    assert (stats.groups, stats.total.jobs, stats.total.failed_share) == ([], 0, None)
    assert (stats.since, stats.until, stats.by) == (today.date() - timedelta(days=6), today.date(), "kind")


async def test_jobs_are_told_by_kind_those_with_most_first(jobs: Client, board: Board) -> None:
    board.succeed(board.start(board.submit(kind="a.rare")))
    for quality in (0.5, 1.0):
        answer(board, f"job-{quality}", quality=quality)
    board.fail(board.start(board.submit()))
    stats = await jobs.stats()
    assert [(group.name, group.jobs) for group in stats.groups] == [("test.echo", 3), ("a.rare", 1)]
    echo = stats.groups[0]
    assert (echo.states[JobState.SUCCEEDED], echo.states[JobState.FAILED]) == (2, 1)
    assert echo.failed_share == pytest.approx(1 / 3)
    quality_, cost = echo.measures["quality"], echo.measures["cost_usd"]
    assert (quality_.count, quality_.mean, quality_.min, quality_.max) == (2, 0.75, 0.5, 1.0)
    assert cost.sum == 0.5
    assert cost.p50 == pytest.approx(0.25, rel=0.02)
    assert [*stats.groups[1].measures] == ["run_seconds"]
    assert stats.total.jobs == 4


async def test_what_was_cancelled_is_no_failure_and_what_expired_is(jobs: Client, board: Board) -> None:
    board.cancel(board.submit())
    board.succeed(board.start(board.submit()))
    board.submit(expires_at_ms=1)
    board.expire()
    assert (await jobs.stats()).total.failed_share == 0.5


async def test_days_are_told_in_their_order_and_together_tell_any_quantile(jobs: Client, board: Board) -> None:
    for days in (0, 2, 1):
        answer(ago(board, days), f"job-{days}", latency=10.0 ** (2 - days))
    stats = await jobs.stats(by="day")
    assert [group.name for group in stats.groups] == sorted(group.name for group in stats.groups)
    assert [round(group.measures["latency"].sum) for group in stats.groups] == [1, 10, 100]
    latency = stats.total.measures["latency"]
    assert (latency.count, latency.min, latency.max) == (3, 1, 100)
    assert latency.p50 == pytest.approx(10, rel=0.02)


async def test_one_tenant_or_kind_is_told_alone(jobs: Client, board: Board) -> None:
    for tenant in ("acme", "beta"):
        for kind in ("test.echo", "test.steps"):
            board.succeed(board.start(board.submit(tenant=tenant, kind=kind)))
    assert [group.name for group in (await jobs.stats(by="tenant")).groups] == ["acme", "beta"]
    own = await jobs.stats(tenant="beta")
    assert [(group.name, group.jobs) for group in own.groups] == [("test.echo", 1), ("test.steps", 1)]
    one = await jobs.stats(tenant="beta", kind="test.steps", by="tenant")
    assert [(group.name, group.jobs) for group in one.groups] == [("beta", 1)]
    assert (await jobs.stats(tenant="nobody")).total.jobs == 0


@pytest.mark.parametrize(("since", "told"), [(1, 1), (timedelta(days=1), 1), (timedelta(days=2), 2), (3 * 86_400, 3)])
async def test_whole_days_are_told_today_the_last(jobs: Client, board: Board, since: Any, told: int) -> None:
    for days in range(4):
        board_then = ago(board, days)
        board_then.succeed(board_then.start(board_then.submit(f"job-{days}")))
    assert (await jobs.stats(since=since)).total.jobs == told


async def test_a_moment_means_the_whole_of_its_day(jobs: Client, today: datetime) -> None:
    assert (await jobs.stats(since=today - timedelta(days=3))).since == today.date() - timedelta(days=3)
    assert (await jobs.stats(since=today.replace(tzinfo=None))).since == today.date()


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"since": 0}, "since"),
        ({"since": -5}, "since"),
        ({"since": float("nan")}, "since"),
        ({"since": "7d"}, "since"),
        ({"since": True}, "since"),
        ({"since": timedelta(days=41)}, "since"),
        ({"since": datetime(2999, 1, 1, tzinfo=UTC)}, "since"),
        ({"by": "queue"}, "by"),
    ],
)
async def test_what_cannot_be_told_is_refused_with_the_field(jobs: Client, asked: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await jobs.stats(**asked)
    assert [*refused.value.fields] == [field]

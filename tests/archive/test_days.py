"""What jobs came to on a day, copied when it is over, and told for as long as the archive keeps jobs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from backdesk.worker.errors import ArchiveUnavailable, InvalidRequest
from backdesk.worker.model.job import JobState, Succeeded, Usage
from backdesk.worker.services.day_copier import DAYS_KEPT
from tests.client.conftest import Connect
from tests.support.archives import Mover
from tests.support.board import Board
from tests.support.clients import Client

DAY_S = 86_400


@pytest.fixture
def archive_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/archive.sqlite3"


def end(board: Board, **fields: str) -> None:
    board.finish(board.start(board.submit(**fields)), Succeeded(b"{}"), Usage(requests=2, measures={"score": 0.5}))


def copy(mover: Mover, days: int) -> None:
    """Let days pass, and have them copied, one a tick."""
    mover.board.clock.advance(days * DAY_S)
    for _ in range(DAYS_KEPT):
        mover.move()


def ago(board: Board, days: int) -> None:
    """Set the clock of the board to so many days before the present of Redis."""
    board.clock.now_ms = (int(board.client.time()[0]) - days * DAY_S) * 1000


def copied(mover: Mover) -> list[tuple[str, str]]:
    return [(each.tenant, each.kind) for each in mover.archive.days("2000-01-01", "2100-01-01", None, 100)]


def test_a_day_is_copied_when_it_is_over(board: Board, mover: Mover) -> None:
    end(board, tenant="acme")
    end(board, tenant="globex", kind="test.other")
    copy(mover, 0)
    assert copied(mover) == []
    copy(mover, 1)
    assert copied(mover) == [("acme", "test.echo"), ("globex", "test.other")]


def test_days_that_passed_while_nobody_led_are_copied_as_far_as_they_are_kept(board: Board, mover: Mover) -> None:
    for _ in range(3):
        end(board)
        board.clock.advance(DAY_S)
    copy(mover, 5)
    assert len(copied(mover)) == 3


async def test_figures_are_told_beyond_what_redis_keeps(jobs: Client, board: Board, mover: Mover) -> None:
    for days in (60, 50, 1):
        ago(board, days)
        end(board, tenant="acme")
        end(board, tenant="globex")
        copy(mover, 2)
    found = await jobs.stats(since=timedelta(days=70), by="day")
    assert [group.states[JobState.SUCCEEDED] for group in found.groups] == [2, 2, 2]
    assert (found.total.jobs, found.total.measures["score"].count) == (6, 6)
    assert (await jobs.stats(since=timedelta(days=70), tenant="acme")).total.jobs == 3
    assert (await jobs.stats(since=timedelta(days=5))).total.jobs == 2


async def test_figures_older_than_the_archive_are_refused(connected: Connect) -> None:
    with pytest.raises(InvalidRequest, match="figures are kept for 90 days"):
        await connected(archive_keep_days=90).stats(since=timedelta(days=91))
    with pytest.raises(InvalidRequest, match="figures are kept for 40 days"):
        await connected(archive_url=None).stats(since=timedelta(days=41))


async def test_figures_that_are_in_the_archive_are_not_told_without_it(connected: Connect) -> None:
    jobs = connected(archive_url="postgresql://127.0.0.1:1/nowhere")
    assert (await jobs.stats(since=timedelta(days=40))).total.jobs == 0
    with pytest.raises(ArchiveUnavailable):
        await jobs.stats(since=timedelta(days=41))

"""Lists of jobs of which some are archived: one order, each job once, page by page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backdesk.worker.failure import Category, Failure
from backdesk.worker.model.job import Failed, JobState
from tests.client.conftest import Connect
from tests.support.archives import Mover
from tests.support.board import Board
from tests.support.clients import Client


@pytest.fixture
def archive_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/archive.sqlite3"


@pytest.fixture
def ids(board: Board, mover: Mover) -> list[str]:
    """Jobs, the newest first: every second failed and is in Redis, the others succeeded and are in the archive."""
    made = [f"j{n:02}" for n in range(12)]
    for number, job_id in enumerate(made):
        board.clock.advance(1)
        claim = board.start(board.submit(job_id, tenant=f"t{number % 3}"))
        board.fail(claim) if number % 2 else board.succeed(claim)
    board.clock.advance(board.settings.succeeded_retention_s + 60)
    mover.move()
    assert [job_id for job_id in made if board.find(job_id) is None] == made[::2]
    return made[::-1]


async def listed(jobs: Client, limit: int, **filters: Any) -> list[str]:
    """All pages of a list, by ids."""
    found, cursor = list[str](), None
    while True:
        page = await jobs.list(limit=limit, cursor=cursor, **filters)
        found += [job.id for job in page]
        cursor = page.cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("fields", ["record", "row"])
@pytest.mark.parametrize("limit", [1, 5, 50])
async def test_all_jobs_are_listed_once_in_their_order(jobs: Client, ids: list[str], limit: int, fields: str) -> None:
    assert await listed(jobs, limit, fields=fields) == ids


@pytest.mark.parametrize("limit", [1, 50])
async def test_jobs_of_a_tenant_are_listed_wherever_they_are(jobs: Client, ids: list[str], limit: int) -> None:
    assert await listed(jobs, limit, tenant="t1") == ["j10", "j07", "j04", "j01"]


async def test_a_list_holds_what_fits_alone(jobs: Client, board: Board, ids: list[str]) -> None:
    board.submit("waits")
    assert await listed(jobs, 4, state=JobState.SUCCEEDED) == ids[1::2]
    assert await listed(jobs, 4, state=JobState.FAILED, code="broken") == ids[::2]
    assert await listed(jobs, 4, state=JobState.QUEUED) == ["waits"]
    assert await listed(jobs, 4, kind="test.other") == []


async def test_rows_and_records_read_the_same_wherever_they_are(jobs: Client, board: Board, mover: Mover) -> None:
    board.fail(board.start(board.submit("j", request={"text": "hello"})))
    before = [[*await jobs.list(fields="row")], [*await jobs.list()]]
    mover.outlive("j")
    assert [[*await jobs.list(fields="row")], [*await jobs.list()]] == before


async def test_a_call_looks_at_so_many_archived_jobs_and_tells_how_to_go_on(
    jobs: Client, board: Board, mover: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MOST_LOOKED_AT", "PAGE"):
        monkeypatch.setattr(f"backdesk.client.operations.archived.{name}", 2)
    rare = Failure(code="broken", message="it broke", category=Category.VALIDATION)
    board.finish(board.start(board.submit("rare")), Failed(rare))
    for _ in range(5):
        board.clock.advance(1)
        board.fail(board.start(board.submit()))
    mover.outlive("rare")
    page, pages = await jobs.dead.list(category="validation"), 1
    assert (page.looked_at, page.complete, [*page]) == (2, False, [])
    while not page:
        page, pages = await jobs.dead.list(category="validation", cursor=page.cursor), pages + 1
    assert (pages, [job.id for job in page]) == (3, ["rare"])


async def test_without_the_archive_what_redis_has_is_listed(
    connected: Connect, ids: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    jobs = connected(archive_url="postgresql://127.0.0.1:1/nowhere")
    assert await listed(jobs, 50) == ids[::2]
    assert "archive_not_read" in caplog.messages

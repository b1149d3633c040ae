"""A customer who is erased is no longer in the archive either."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backdesk.archive.database import SqlArchive
from backdesk.client.operations.erasure import ErasureOperations
from tests.support.archives import Mover
from tests.support.board import Board
from tests.support.clients import Client


@pytest.fixture
def archive_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/archive.sqlite3"


def ended(board: Board, job_id: str, customer_id: str, **fields: Any) -> None:
    """Make a job of a customer that has called another, which names nobody, and has ended."""
    claim = board.start(board.submit(job_id, request={"customer_id": customer_id}, **fields))
    _, child = board.call(claim, "part", f"{job_id}-part")
    board.succeed(board.start(child))
    board.succeed(claim)


async def test_what_the_archive_has_of_a_customer_goes_and_nothing_else(
    board: Board, mover: Mover, archive: SqlArchive, jobs: Client
) -> None:
    for customer_id in ("cust-3", "cust-8"):
        ended(board, f"old-{customer_id}", customer_id)
    mover.outlive("old-cust-3", "old-cust-8-part")
    ended(board, "new-cust-8", "cust-8")
    operations = ErasureOperations(jobs.core)
    found = await jobs.do(operations.find("acme", "cust-8"))
    assert ({*found.archived}, {*found.jobs}) == ({"old-cust-8", "old-cust-8-part"}, {"new-cust-8", "new-cust-8-part"})
    await jobs.do(operations.remove("acme", found))
    assert await jobs.do(operations.find("acme", "cust-8")) == ([], [], [], [], [])
    left = archive.find(["old-cust-3", "old-cust-3-part", "old-cust-8"], whole=False)
    assert {each.id for each in left} == {"old-cust-3", "old-cust-3-part"}


async def test_what_is_running_is_found_and_not_removed(board: Board, jobs: Client) -> None:
    board.start(board.submit("runs", request={"for": [{"customer_id": "cust-8"}]}))
    operations = ErasureOperations(jobs.core)
    found = await jobs.do(operations.find("acme", "cust-8"))
    assert found.active == ["runs"]
    assert (await jobs.do(operations.remove("acme", found)))["jobs"] == 0
    assert board.state("runs") == "running"

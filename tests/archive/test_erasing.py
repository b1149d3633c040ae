"""A customer who is erased is no longer in the archive either."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import to_json

from backdesk.archive.database import SqlArchive
from backdesk.client.operations.erasure import ErasureOperations
from backdesk.client.operations.operation import Operation
from backdesk.worker.memory.calls import MemoryCalls, NewTurn
from backdesk.worker.store.archive import Wanted
from tests.support.archives import Mover
from tests.support.board import Board
from tests.support.clients import Client
from tests.support.raw import everything


@pytest.fixture
def archive_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/archive.sqlite3"


def ended(board: Board, job_id: str, customer_id: str, **fields: Any) -> None:
    """Make a job of a customer that has called another, which names nobody, and has ended."""
    claim = board.start(board.submit(job_id, request={"customer_id": customer_id}, **fields))
    _, child = board.call(claim, "part", f"{job_id}-part")
    board.succeed(board.start(child))
    board.succeed(claim)


def talked(board: Board, job_id: str) -> None:
    """Make such a job that has left something wherever something can be left."""
    memory = MemoryCalls(board.settings, board.clock)
    file_id = board.run(memory.attach("acme", b"a file"))
    claim = board.start(board.submit(job_id, request={"customer_id": "cust-8", "attachments": [{"id": file_id}]}))
    _, child = board.call(claim, "part", f"{job_id}-part")
    board.succeed(board.start(child))
    entry = to_json({"job_id": job_id, "asked": False, "facts": {}, "messages": [{"said": "by cust-8"}]})
    board.run(memory.turn(claim, NewTurn("talk", "cust-8", entry, 1, closes=False)))
    board.run(memory.note("acme", "refunds", to_json({"job_id": job_id, "kind": "k", "data": {"text": "a note"}})))
    board.run(memory.cache("acme", "d" * 64, b"an answer", ttl_s=3600))
    board.succeed(claim)


def broken_off(operation: Operation[Any], steps: int) -> Operation[bool]:
    """An operation that is killed after so many steps; gives whether it was through by then."""
    replies: Any = None
    for _ in range(steps):
        try:
            step = operation.send(replies)
        except StopIteration:
            return True
        replies = yield step
    operation.close()
    return False


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


async def test_wherever_it_is_broken_off_it_goes_on_when_it_is_begun_again(
    board: Board, mover: Mover, archive: SqlArchive, jobs: Client, subtests: pytest.Subtests
) -> None:
    operations = ErasureOperations(jobs.core)
    for steps in count():
        with subtests.test(steps=steps):
            talked(board, f"archived-{steps}")
            mover.outlive(f"archived-{steps}", f"archived-{steps}-part")
            talked(board, f"kept-{steps}")
            found = await jobs.do(operations.find("acme", "cust-8"))
            assert [len(each) for each in found] == [1, 2, 0, 2, 1]
            whole = await jobs.do(broken_off(operations.remove("acme", found), steps))
            found = await jobs.do(operations.find("acme", "cust-8"))
            await jobs.do(operations.remove("acme", found))
            assert await jobs.do(operations.find("acme", "cust-8")) == ([], [], [], [], [])
            left = everything(board.client, board.settings.prefix)
            assert [trace for trace in ("cust-8", "talk", "a note", "a file", "an answer") if trace in left] == []
            assert archive.newest(Wanted(), None, 10) == []
        if whole:
            break
    assert steps > 5


async def test_what_is_running_is_found_and_not_removed(board: Board, jobs: Client) -> None:
    board.start(board.submit("runs", request={"for": [{"customer_id": "cust-8"}]}))
    operations = ErasureOperations(jobs.core)
    found = await jobs.do(operations.find("acme", "cust-8"))
    assert found.active == ["runs"]
    assert (await jobs.do(operations.remove("acme", found)))["jobs"] == 0
    assert board.state("runs") == "running"

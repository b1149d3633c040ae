"""What customers told is nowhere once their jobs are over: not in Redis, not in the archive; beside a real worker."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

import pytest
from pydantic_core import to_json

from backdesk.archive.database import SqlArchive
from backdesk.client import JobClient
from backdesk.worker.errors import NotReplayable
from backdesk.worker.model.job import JobState
from backdesk.worker.text.packing import unpacked
from tests.support.archives import Mover
from tests.support.board import Board
from tests.support.confidences import KEPT, SECRETS, TOLD, found_in
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.raw import everything
from tests.support.workers import Fleet

REQUEST = {"text": TOLD, "customer_id": "cust-1"}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("masked")
    with Fleet(folder, mask_requests=True, archive_url=f"sqlite:///{folder}/archive.sqlite3") as fleet:
        fleet.start_workers("agents")
        yield fleet


def left_in_redis(fleet: Fleet) -> list[str]:
    return found_in(everything(fleet.redis, fleet.settings.prefix))


def left_in_archive(fleet: Fleet) -> list[str]:
    """All that the tables hold, unpacked where it is packed."""
    with closing(sqlite3.connect(str(fleet.settings.archive_url).removeprefix("sqlite:///"))) as database:
        return found_in("\n".join(line for row in _rows(database) for line in map(_readable, row)))


def _rows(database: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for name in tables:
        yield from database.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608 - names of its own


def _readable(value: Any) -> str:
    if not isinstance(value, bytes):
        return str(value)
    try:
        return unpacked(value).decode("utf-8", "replace")
    except zlib.error:
        return value.decode("utf-8", "replace")


def archive(fleet: Fleet, *job_ids: str) -> None:
    """Let the retention of jobs be over."""
    now_s: Any = fleet.redis.time()[0]
    fleet.redis.zadd(fleet.board.keys.forgetting, dict.fromkeys(job_ids, now_s * 1000))
    for job_id in job_ids:
        eventually(partial(_is_gone, fleet, job_id), what=f"{job_id} to be archived")


def _is_gone(fleet: Fleet, job_id: str) -> bool:
    return fleet.board.find(job_id) is None


def ended(jobs: JobClient) -> list[str]:
    """Jobs that were told all of it, one of which has succeeded, two of a batch as well, and one is cancelled."""
    job = jobs.submit("test.confide", REQUEST, idempotency_key="once")
    later = jobs.submit("test.confide", REQUEST, delay=3600)
    many = jobs.submit_many("test.confide", [REQUEST, REQUEST])
    jobs.cancel(later.id)
    for each in (job, *many):
        assert each.result(PATIENCE_S)["n"] == len(TOLD)
    return [job.id, later.id, *(each.id for each in many)]


def test_nothing_of_what_was_told_is_left_when_jobs_are_over_nor_when_they_are_archived(fleet: Fleet) -> None:
    jobs = fleet.jobs
    ids = ended(jobs)
    eventually(lambda: not left_in_redis(fleet), what="all of it to be masked")
    assert [jobs.get(job_id).request for job_id in ids] == [{"text": KEPT, "customer_id": "cust-1"}] * 4
    again = jobs.submit("test.confide", REQUEST, idempotency_key="once")
    assert (again.id, again.created) == (ids[0], False)
    archive(fleet, *ids)
    assert (left_in_redis(fleet), left_in_archive(fleet)) == ([], [])
    assert jobs.get(ids[0]).request["text"] == KEPT


def test_what_failed_can_be_done_again_until_it_is_archived(fleet: Fleet) -> None:
    jobs = fleet.jobs
    failed = jobs.submit("test.confide", REQUEST | {"fails": True}).id
    eventually(lambda: jobs.get(failed).state is JobState.FAILED, what="its failure")
    assert jobs.get(failed).request["text"] == TOLD
    replay = jobs.dead.replay(failed, request=REQUEST)
    assert replay.result(PATIENCE_S)["n"] == len(TOLD)
    archive(fleet, failed)
    eventually(lambda: not left_in_redis(fleet), what="all of it to be masked")
    assert left_in_archive(fleet) == []
    with pytest.raises(NotReplayable, match="its request is kept masked"):
        jobs.dead.replay(failed)


@pytest.mark.parametrize(("masks", "left"), [(True, []), (False, [*SECRETS])])
def test_only_without_the_setting_a_failed_job_goes_to_the_archive_as_it_was(
    board: Board, archive: SqlArchive, masks: bool, left: list[str]
) -> None:
    settings = board.settings.model_copy(update={"mask_requests": masks})
    mover = Mover(Board(board.client, settings, board.clock), archive)
    claim = board.start(board.submit("told", request=REQUEST))
    board.run(board.transitions.checkpoint(claim, to_json(TOLD)))
    board.emit(claim, "note", data={"text": TOLD})
    board.fail(claim)
    mover.outlive("told")
    (job,) = archive.find(["told"], whole=True)
    assert [found_in(_readable(part)) for part in (job.record, job.workings, job.log)] == [left] * 3

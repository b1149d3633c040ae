"""Jobs on their way to the archive: copied before Redis forgets them, whatever comes between."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
import redis
from redis.exceptions import ConnectionError as RedisConnectionError

from backdesk.archive.database import SqlArchive
from backdesk.worker.errors import ArchiveUnavailable
from backdesk.worker.model.job import JobState
from backdesk.worker.services.archiver import Archiver
from backdesk.worker.services.maintenance import Maintenance
from backdesk.worker.store.archive import ArchivedJob
from backdesk.worker.store.remains import commands_for, remains_in, remains_of
from backdesk.worker.store.upkeep import BATCH
from tests.archive.conftest import PROGRAMS
from tests.support.archives import Mover
from tests.support.board import Board, question
from tests.support.postgres import Postgres
from tests.support.workers import fast_settings


class Through:
    """An archive of which a test does something else."""

    def __init__(self, archive: SqlArchive) -> None:
        self.archive = archive

    def __getattr__(self, name: str) -> Any:
        return getattr(self.archive, name)


def fail(board: Board, job_id: str) -> str:
    board.fail(board.start(board.submit(job_id)))
    return job_id


def status(board: Board) -> dict[str, str]:
    kept: dict[Any, Any] = board.client.hgetall(board.keys.archive)
    return {name.decode(): value.decode() for name, value in kept.items()}


def test_a_job_goes_to_the_archive_when_its_retention_has_passed(board: Board, mover: Mover) -> None:
    board.succeed(board.start(board.submit("short")))
    fail(board, "long")
    board.clock.advance(board.settings.succeeded_retention_s + 1)
    mover.move()
    assert (board.find("short"), mover.archived("short", "long")) == (None, ["short"])
    assert board.state("long") is JobState.FAILED


def test_the_archive_has_all_of_a_job_as_it_was(board: Board, mover: Mover) -> None:
    first = board.start(board.submit("j", request={"text": "grüße"}, metadata=b"{}"))
    board.emit(first, "progress", data={"note": "x" * 500})
    board.run(board.transitions.remember(first, "step:pay", b'{"state":"done","value":7}'))
    board.run(board.transitions.checkpoint(first, b'{"at": 3}'))
    board.call(first, "child", "child")
    board.reserve(first, tokens=10)
    board.book(first, tokens=7)
    board.fail(first)
    had = remains_of([board.client.execute_command(*each) for each in commands_for(board.keys, "j")])
    mover.outlive("j")
    (kept,) = mover.archive.find(["j"], whole=True)
    assert remains_in(kept) == had
    assert had.children == [b"child"]
    assert (kept.tenant, kept.kind, kept.state, kept.code, kept.events) == (
        "acme", "test.echo", "failed", "broken", had.logged
    )  # fmt: skip


def test_what_stands_in_a_record_comes_back_byte_by_byte(board: Board, mover: Mover) -> None:
    fail(board, "odd")
    board.client.hset(board.keys.job("odd"), mapping={b"\xff\x00": b"\xed\xa0\x80\xfe", "tenant": "ac\0me" * 100})
    mover.outlive("odd")
    (kept,) = mover.archive.find(["odd"], whole=True)
    assert remains_in(kept).fields[b"\xff\x00"] == b"\xed\xa0\x80\xfe"
    assert kept.tenant == ("acme" * 100)[:255]


def test_more_than_a_batch_goes_in_one_tick(board: Board, mover: Mover) -> None:
    ids = [fail(board, f"j{n}") for n in range(BATCH + 5)]
    mover.outlive(*ids)
    assert len(mover.archived(*ids)) == len(ids)


def test_a_worker_that_does_not_lead_moves_nothing(board: Board, archive: SqlArchive) -> None:
    fail(board, "j")
    board.clock.advance(board.settings.retention_s + 1)
    Archiver(board.client, board.settings, lambda: False, archive, board.clock).tick()
    assert board.state("j") is JobState.FAILED


def test_a_job_is_archived_again_when_the_worker_ends_before_it_is_forgotten(
    board: Board, mover: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(board, "j")

    def killed(*_: object) -> None:
        raise RedisConnectionError("gone")

    with monkeypatch.context() as broken:
        broken.setattr("backdesk.worker.services.archiver.run", killed)
        with pytest.raises(RedisConnectionError):
            mover.outlive()
    assert (mover.archived("j"), board.state("j")) == (["j"], JobState.FAILED)
    mover.outlive("j")
    assert mover.archived("j") == ["j"]


def test_a_job_that_two_workers_move_at_once_is_there_once(board: Board, archive: SqlArchive) -> None:
    class Slow(Through):
        def keep(self, jobs: Sequence[ArchivedJob]) -> None:
            Mover(board, archive).move()  # the other one is faster
            self.archive.keep(jobs)

    fail(board, "j")
    mover = Mover(board, Slow(archive))
    mover.outlive("j")
    assert mover.archived("j") == ["j"]


def test_a_job_that_is_replayed_while_it_is_copied_stays_until_its_copy_says_so(
    board: Board, archive: SqlArchive
) -> None:
    class Meanwhile(Through):
        def keep(self, jobs: Sequence[ArchivedJob]) -> None:
            self.archive.keep(jobs)
            if board.find("again") is None:
                board.submit("again", origin="j")

    fail(board, "j")
    board.clock.advance(board.settings.retention_s + 1)
    mover = Mover(board, Meanwhile(archive))
    mover.move()
    assert board.record("j").replayed_as == "again"
    mover.move()
    (kept,) = archive.find(["j"], whole=False)
    assert (board.find("j"), remains_in(kept).value("replayed_as")) == (None, "again")


def test_a_dead_letter_that_is_dropped_while_it_is_copied_is_not_kept(
    board: Board, archive: SqlArchive, mover: Mover
) -> None:
    class Meanwhile(Through):
        def keep(self, jobs: Sequence[ArchivedJob]) -> None:
            board.run(board.transitions.drop(["dropped"]))
            self.archive.drop(["dropped"])
            self.archive.keep(jobs)

    fail(board, "first")
    mover.outlive("first")
    fail(board, "dropped")
    fail(board, "kept")
    Mover(board, Meanwhile(archive)).outlive("dropped", "kept")
    assert mover.archived("dropped", "kept") == ["kept"]


class Down(Through):
    """An archive that is away."""

    def keep(self, jobs: Sequence[ArchivedJob]) -> None:
        raise ArchiveUnavailable("the disk is full")


def test_while_the_archive_is_away_redis_keeps_what_it_would_forget(
    board: Board, archive: SqlArchive, client: redis.Redis
) -> None:
    fail(board, "j")
    Mover(board, Down(archive)).outlive()
    board.run(board.transitions.prune())
    assert (board.state("j"), status(board)["error"]) == (JobState.FAILED, "the disk is full")


def test_what_the_archive_did_not_take_in_its_time_is_lost_and_counted(board: Board, archive: SqlArchive) -> None:
    fail(board, "j")
    Mover(board, Down(archive)).outlive()
    board.clock.advance(board.settings.archive_patience_s)
    assert board.run(board.transitions.prune()) == 1
    assert (board.find("j"), status(board)["lost"]) == (None, "1")


def test_an_archive_that_is_back_gets_what_has_waited_and_is_well(board: Board, archive: SqlArchive) -> None:
    fail(board, "j")
    Mover(board, Down(archive)).outlive()
    Mover(board, archive).outlive("j")
    assert "error" not in status(board)
    assert status(board)["archived"] == "1"


@pytest.mark.parametrize("archive_url", ["postgresql"] if PROGRAMS else [], indirect=True)
def test_a_server_that_was_away_gets_what_has_waited(
    board: Board, mover: Mover, request: pytest.FixtureRequest
) -> None:
    server: Postgres = request.getfixturevalue("postgres_server")
    mover.move()
    fail(board, "j")
    server.stop()
    mover.outlive()
    assert (board.state("j"), "cannot be used" in status(board)["error"]) == (JobState.FAILED, True)
    server.start()
    mover.outlive("j")
    assert (mover.archived("j"), "error" in status(board)) == (["j"], False)


def test_an_archive_that_cannot_be_opened_stops_no_worker(board: Board) -> None:
    settings = fast_settings(str(board.settings.redis_url), archive_url="postgresql://127.0.0.1:1/nowhere")
    archiver = Archiver(board.client, settings, lambda: True, clock=board.clock)
    archiver.tick()
    archiver.stop()
    assert "cannot be used" in status(board)["error"]


def test_a_job_that_the_archive_refuses_holds_up_no_other(
    board: Board, archive: SqlArchive, caplog: pytest.LogCaptureFixture
) -> None:
    class Choosy(Through):
        def keep(self, jobs: Sequence[ArchivedJob]) -> None:
            self.archive.keep([replace(job, record=None) if job.id == "b" else job for job in jobs])  # type: ignore[arg-type]  # what it refuses

    for job_id in "abc":
        fail(board, job_id)
    mover = Mover(board, Choosy(archive))
    mover.outlive("a", "c")
    assert (mover.archived("a", "b", "c"), board.state("b")) == (["a", "c"], JobState.FAILED)
    assert [record.job_id for record in caplog.records if record.message == "job_not_archived"] == ["b"]  # type: ignore[attr-defined]  # an extra


def test_a_key_that_is_no_record_holds_up_no_job(board: Board, mover: Mover) -> None:
    fail(board, "good")
    board.client.set(board.keys.job("bad"), "no hash")
    board.client.zadd(board.keys.forgetting, {"bad": 0, "unknown": 0})
    mover.outlive("good")
    assert board.client.zrange(board.keys.forgetting, 0, -1) == [b"bad"]
    board.client.delete(board.keys.job("bad"))


def test_the_archive_forgets_a_job_when_its_days_are_over(board: Board, mover: Mover) -> None:
    fail(board, "j")
    mover.outlive("j")
    board.clock.advance((board.settings.archive_keep_days - 8) * 86_400)
    mover.move()
    assert mover.archived("j") == ["j"]
    board.clock.advance(86_400)
    mover.move()
    assert mover.archived("j") == []


def test_a_job_of_an_id_that_is_used_again_is_forgotten_when_it_has_ended(board: Board, archive: SqlArchive) -> None:
    class Meanwhile(Through):
        def keep(self, jobs: Sequence[ArchivedJob]) -> None:
            self.archive.keep(jobs)
            board.run(board.transitions.drop(["j"]))
            board.submit("j")

    fail(board, "j")
    board.clock.advance(board.settings.retention_s + 1)
    Mover(board, Meanwhile(archive)).move()
    assert board.state("j") is JobState.QUEUED


def test_the_elected_worker_leaves_jobs_to_the_archive(board: Board, client: redis.Redis, mover: Mover) -> None:
    maintenance = Maintenance("worker-1", client, board.settings)
    board.succeed(board.start(board.submit("due")))
    client.zadd(board.keys.forgetting, {"due": int(client.time()[0]) * 1000 - 1000})
    maintenance.tick()
    assert board.state("due") is JobState.SUCCEEDED


def test_a_job_that_waits_for_an_answer_is_not_moved(board: Board, mover: Mover) -> None:
    board.wait(board.start(board.submit("j")), question())
    mover.outlive()
    assert board.state("j") is JobState.WAITING


def test_a_closed_archive_is_opened_again(board: Board, mover: Mover) -> None:
    with closing(mover.archive):
        fail(board, "j")
    mover.outlive("j")
    assert mover.archived("j") == ["j"]

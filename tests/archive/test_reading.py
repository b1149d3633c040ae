"""Archived jobs in a reader's hands: as if nothing had moved."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import to_json

from backdesk.archive.database import SqlArchive
from backdesk.worker.errors import (
    ArchiveUnavailable,
    ConfigurationError,
    JobNotFound,
    NotCancellable,
    NotReplayable,
    NotWaiting,
)
from backdesk.worker.model.events import EventDraft
from backdesk.worker.model.job import JobState
from backdesk.worker.model.sent import SentLog
from tests.client.conftest import Connect
from tests.support.archives import Mover
from tests.support.board import Board
from tests.support.clients import Client
from tests.support.eventually import PATIENCE_S
from tests.support.packing import is_packed, pack, talker
from tests.support.upkeep import leaks
from tests.support.workers import fast_settings


@pytest.fixture
def archive_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/archive.sqlite3"


def step(value: object) -> bytes:
    return b'{"state":"done","value":' + to_json(value) + b"}"


def trip(board: Board, job_id: str = "trip", **fields: Any) -> str:
    """Make a job that has done two steps, called another job, and then failed."""
    claim = board.start(board.submit(job_id, **fields))
    for key in ("plan", "charge"):
        event = to_json({"key": key, "effect": "idempotent", "seconds": 0.1})
        board.run(board.transitions.remember(claim, f"step:{key}", step(key), event))
    board.run(board.transitions.checkpoint(claim, b'"on the way"'))
    kept: list[bytes] = []
    body = {"model": "m", "messages": []}
    SentLog(lambda entry, _: kept.append(entry)).add("1.1", body, agent="clerk", model="m", prompt=None, shared="")
    board.run(board.transitions.emit(claim, 0, [EventDraft("", entry) for entry in kept]))
    _, child = board.call(claim, "hotel", f"{job_id}-hotel")
    board.succeed(board.start(child))
    board.fail(claim)
    return job_id


async def told(jobs: Client, job_id: str) -> list[object]:
    """All that can be read of a job."""
    watched = [event async for event in jobs.watch(job_id)]
    later = await jobs.events(job_id, after=2)
    return [
        await jobs.get(job_id),
        watched,
        later,
        await jobs.children(job_id),
        await jobs.memory(job_id),
        await jobs.sent(job_id),
    ]


async def test_a_job_reads_the_same_wherever_it_is(jobs: Client, board: Board, mover: Mover) -> None:
    before = await told(jobs, trip(board))
    mover.outlive("trip", "trip-hotel")
    assert await told(jobs, "trip") == before


async def test_a_job_whose_log_is_packed_reads_the_same_in_the_archive_and_when_it_was_put_back(
    jobs: Client, board: Board, mover: Mover
) -> None:
    board.fail(talker(board))
    before = await told(jobs, "talker")
    pack(board)
    mover.outlive("talker")
    assert await told(jobs, "talker") == before
    await jobs.dead.replay("talker")
    assert is_packed(board)
    assert (await told(jobs, "talker"))[1:] == before[1:]


async def test_a_job_that_succeeded_reads_the_same_with_the_jobs_that_it_called(
    jobs: Client, board: Board, mover: Mover
) -> None:
    claim = board.start(board.submit("fine"))
    _, child = board.call(claim, "hotel", "hotel")
    board.succeed(board.start(child))
    board.succeed(claim, {"text": "done"})
    before = [await told(jobs, "fine"), await jobs.result("fine", timeout=PATIENCE_S)]
    mover.outlive("fine", "hotel")
    assert [await told(jobs, "fine"), await jobs.result("fine", timeout=PATIENCE_S)] == before


async def test_a_job_that_nobody_has_is_not_found(jobs: Client, mover: Mover) -> None:
    mover.move()
    with pytest.raises(JobNotFound):
        await jobs.get("missing")
    with pytest.raises(JobNotFound):
        await jobs.events("missing")


async def test_an_archived_job_has_ended_for_all_who_would_change_it(jobs: Client, board: Board, mover: Mover) -> None:
    mover.outlive(trip(board))
    with pytest.raises(NotCancellable):
        await jobs.cancel("trip")
    with pytest.raises(NotWaiting):
        await jobs.answer("trip", "yes")


async def test_a_client_without_the_setting_reads_no_archive(connected: Connect, board: Board, mover: Mover) -> None:
    mover.outlive(trip(board))
    with pytest.raises(JobNotFound):
        await connected(archive_url=None).get("trip")


async def test_an_archived_job_is_forgotten(jobs: Client, board: Board, mover: Mover) -> None:
    mover.outlive(trip(board))
    await jobs.forget("trip")
    assert not mover.archived("trip")
    for asked in (jobs.get("trip"), jobs.forget("trip")):
        with pytest.raises(JobNotFound):
            await asked


async def test_a_job_that_was_put_back_is_forgotten_in_both_places(jobs: Client, board: Board, mover: Mover) -> None:
    mover.outlive(trip(board))
    await jobs.dead.replay("trip")
    await jobs.forget("trip")
    assert board.find("trip") is None
    assert not mover.archived("trip")


# Doing archived jobs again


async def test_an_archived_dead_letter_is_replayed_from_its_checkpoint(
    jobs: Client, board: Board, mover: Mover
) -> None:
    mover.outlive(trip(board))
    job = await jobs.dead.replay("trip")
    again = board.start(job.id)
    assert (again.ledger["step:charge"], again.checkpoint) == (step("charge"), b'"on the way"')
    assert (await jobs.get("trip")).replayed_as == job.id


async def test_a_job_that_was_put_back_stands_wherever_it_stood(jobs: Client, board: Board, mover: Mover) -> None:
    before = await told(jobs, trip(board))
    mover.outlive("trip")
    job = await jobs.dead.replay("trip")
    assert leaks(board.client, board.settings.prefix) == []
    (record, *rest), (was, *others) = await told(jobs, "trip"), before
    assert record == was.model_copy(update={"replayed_as": job.id})  # type: ignore[attr-defined]  # a record
    assert rest == others


async def test_a_replay_that_succeeded_is_found_again_after_both_went_to_the_archive(
    jobs: Client, board: Board, mover: Mover
) -> None:
    mover.outlive(trip(board))
    job = await jobs.dead.replay("trip")
    board.succeed(board.start(job.id))
    board.clock.now_ms = int(board.client.time()[0]) * 1000  # that of what was put back
    mover.outlive("trip", job.id)
    again = await jobs.dead.replay("trip")
    assert (again.id, again.created) == (job.id, False)


async def test_an_archived_job_is_rewound(jobs: Client, board: Board, mover: Mover) -> None:
    mover.outlive(trip(board))
    job = await jobs.rewind("trip", to="charge", repeat=True)
    assert board.start(job.id).ledger == {"step:plan": step("plan")}


async def test_an_archived_job_that_cannot_be_replayed_says_why(jobs: Client, board: Board, mover: Mover) -> None:
    board.succeed(board.start(board.submit("fine")))
    mover.outlive("fine")
    with pytest.raises(NotReplayable, match="it is succeeded; only a job that failed can"):
        await jobs.dead.replay("fine")


# Dead letters, wherever they are


async def test_dead_letters_are_listed_wherever_they_are_the_newest_first(
    jobs: Client, board: Board, mover: Mover
) -> None:
    for job_id in ("older", "newer"):
        board.clock.advance(1)
        trip(board, job_id)
    mover.outlive("older", "newer")
    board.clock.advance(-board.settings.retention_s - 1.5)
    trip(board, "between")
    assert [record.id for record in await jobs.dead.list()] == ["newer", "between", "older"]
    assert [record.id for record in await jobs.dead.list(limit=2)] == ["newer", "between"]


@pytest.mark.parametrize("filters", [{}, {"tenant": "acme"}, {"kind": "test.echo"}, {"code": "broken"}])
@pytest.mark.parametrize("fields", ["record", "row"])
async def test_pages_go_on_from_redis_to_the_archive_and_back(
    jobs: Client, board: Board, mover: Mover, filters: dict[str, Any], fields: Any
) -> None:
    ids = [f"d-{number}" for number in range(6)]
    for job_id in ids:
        board.clock.advance(1)
        board.fail(board.start(board.submit(job_id)))
    mover.outlive(*ids)
    board.clock.advance(-board.settings.retention_s - 2.5)
    for job_id in ("between-1", "between-2"):
        board.fail(board.start(board.submit(job_id)))
        board.clock.advance(1)
    found, cursor = list[str](), None
    for _ in range(4):
        page = await jobs.list(**filters, limit=3, cursor=cursor, fields=fields)
        found, cursor = [*found, *(job.id for job in page)], page.cursor
        if cursor is None:
            break
    assert (found, cursor) == (["d-5", "between-2", "d-4", "between-1", "d-3", "d-2", "d-1", "d-0"], None)


async def test_a_dead_letter_that_is_in_both_is_what_redis_says(
    jobs: Client, board: Board, archive: SqlArchive, mover: Mover
) -> None:
    mover.outlive(trip(board))
    await jobs.dead.replay("trip")
    assert not await jobs.dead.list()
    assert [record.id for record in await jobs.dead.list(all=True)] == ["trip"]


async def test_archived_dead_letters_are_dropped(jobs: Client, board: Board, mover: Mover) -> None:
    board.succeed(board.start(board.submit("fine")))
    mover.outlive(trip(board), "fine")
    trip(board, "here")
    assert await jobs.dead.drop(["trip", "fine", "here", "missing"]) == 2
    assert mover.archived("trip", "fine") == ["fine"]


async def test_a_dead_letter_that_is_in_both_is_dropped_from_both_and_counted_once(
    jobs: Client, board: Board, mover: Mover
) -> None:
    mover.outlive(trip(board))
    await jobs.dead.replay("trip")
    assert await jobs.dead.drop(["trip"]) == 1
    assert (board.find("trip"), mover.archived("trip")) == (None, [])


# An archive that is away


async def test_without_the_archive_it_is_not_said_that_a_job_is_not_there(connected: Connect) -> None:
    jobs = connected(archive_url="postgresql://127.0.0.1:1/nowhere")
    with pytest.raises(ArchiveUnavailable, match="see that the database of BACKDESK_ARCHIVE_URL runs"):
        await jobs.get("missing")


async def test_without_the_archive_a_job_in_redis_is_read_and_dead_letters_are_listed(
    connected: Connect, board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = connected(archive_url="postgresql://127.0.0.1:1/nowhere")
    trip(board)
    assert (await jobs.get("trip")).state is JobState.FAILED
    assert [record.id for record in await jobs.dead.list()] == ["trip"]
    assert "archive_not_read" in caplog.messages


async def test_who_lacks_the_library_is_told_what_to_install(
    connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backdesk.worker.store.archive._MODULE", "backdesk.nowhere")
    with pytest.raises(ConfigurationError, match=r'BACKDESK_ARCHIVE_URL: pip install "backdesk\[archive\]"'):
        await connected().get("missing")


async def test_no_event_loop_waits_for_the_archive(
    connected: Connect, mover: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_in: list[int] = []

    class Noting(SqlArchive):
        def find(self, *args: Any, **options: Any) -> Any:
            asked_in.append(threading.get_ident())
            return super().find(*args, **options)

    monkeypatch.setattr("backdesk.archive.database.SqlArchive", Noting)
    mover.move()
    with pytest.raises(JobNotFound):
        await connected().get("missing")
    assert asked_in
    assert threading.get_ident() not in asked_in


def test_a_setting_that_names_no_database_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"BACKDESK_ARCHIVE_URL: .* must start with one of sqlite:///"):
        fast_settings("redis://127.0.0.1:1", archive_url="mysql://db/archive")
    with pytest.raises(ConfigurationError, match="must name a file, such as sqlite:////var/lib/backdesk/archive"):
        fast_settings("redis://127.0.0.1:1", archive_url="sqlite:///:memory:")

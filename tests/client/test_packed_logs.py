"""A log that is packed in a reader's hands: as if nothing had been done to it."""

from __future__ import annotations

import pytest

from backdesk.client.operations.jobs import EVENTS_A_PAGE, JobOperations
from backdesk.client.operations.operation import Commands
from backdesk.worker.model.events import EventDraft
from backdesk.worker.model.job import Claim
from tests.support.board import Board
from tests.support.clients import Client
from tests.support.packing import is_packed, pack, talker

#: Events of a job that is read by three pages, its first two and its end among them.
MANY = 2 * EVENTS_A_PAGE + 50
DONE = b'{"state":"done","value":1}'


def long_talker(board: Board) -> Claim:
    claim = board.start(board.submit("talker"))
    board.run(board.transitions.emit(claim, 0, [EventDraft("note", b"{}")] * (MANY - 3)))
    return claim


async def told(jobs: Client, job_id: str) -> list[object]:
    """All that can be read of a job."""
    watched = [event async for event in jobs.watch(job_id)]
    late = [event async for event in jobs.watch(job_id, after=5)]
    later = [await jobs.events(job_id, after=after) for after in (0, 3, len(watched), 1000)]
    return [await jobs.get(job_id), watched, late, later, await jobs.memory(job_id), [*await jobs.list()]]


async def test_a_job_reads_the_same_when_its_log_is_packed(jobs: Client, board: Board) -> None:
    board.succeed(talker(board))
    before = await told(jobs, "talker")
    pack(board)
    assert is_packed(board)
    assert await told(jobs, "talker") == before


def dead_letter(board: Board, job_id: str) -> None:
    """Have a job fail that has planned and mailed, and its log packed."""
    claim = talker(board, job_id)
    for key in ("plan", "mail"):
        event = b'{"key":"%s","effect":"pure","seconds":0.1}' % key.encode()
        board.run(board.transitions.remember(claim, f"step:{key}", DONE, event))
    board.fail(claim)
    pack(board)
    assert is_packed(board, job_id)


async def test_a_dead_letter_whose_log_is_packed_is_replayed(jobs: Client, board: Board) -> None:
    dead_letter(board, "dead")
    job = await jobs.dead.replay("dead")
    assert board.start(job.id).ledger == {"step:plan": DONE, "step:mail": DONE}


async def test_a_dead_letter_whose_log_is_packed_is_rewound(jobs: Client, board: Board) -> None:
    dead_letter(board, "dead")
    job = await jobs.rewind("dead", to="mail")
    assert board.start(job.id).ledger == {"step:plan": DONE}


@pytest.mark.parametrize("packed_after", range(10))
def test_a_reader_by_pages_sees_each_event_once_whenever_the_log_is_packed(board: Board, packed_after: int) -> None:
    board.succeed(long_talker(board))
    reading = JobOperations(board.settings).events("talker", 0)
    asked, sent = next(reading), 0
    while True:
        assert isinstance(asked, Commands)
        replies = []
        for command in asked.commands:
            if sent == packed_after:
                pack(board)
            replies.append(board.client.execute_command(*command))
            sent += 1
        try:
            asked = reading.send(replies)
        except StopIteration as read:
            events, ended = read.value
            break
    assert [event.seq for event in events] == list(range(1, MANY + 1))
    assert ended
    assert (sent > packed_after) is is_packed(board)


async def test_a_watcher_who_is_slow_sees_each_event_once_though_the_log_is_packed_meanwhile(
    jobs: Client, board: Board
) -> None:
    claim = talker(board)
    seen = []
    async for event in jobs.watch("talker"):
        seen.append(event.seq)
        if len(seen) == 10:
            board.emit(claim, "note", first=20)
            board.succeed(claim)
            pack(board)
    assert seen == list(range(1, 25))
    assert is_packed(board)


async def test_a_watcher_whom_the_end_did_not_reach_finds_it_in_the_packed_log(jobs: Client, board: Board) -> None:
    claim = talker(board)
    async with jobs.watch("talker") as watch:
        board.client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        board.succeed(claim)
        pack(board)
        seen = [event.seq async for event in watch]
    assert seen == list(range(1, 24))

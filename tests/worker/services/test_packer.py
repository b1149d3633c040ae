"""The packer: the log of a job that has ended is kept in a fraction of its memory, and reads as before."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import redis

from backdesk.worker.failure import Failure
from backdesk.worker.model.events import EventDraft
from backdesk.worker.model.job import Cancelled, Expired, Failed, Outcome, Succeeded
from backdesk.worker.services.packer import ENTRIES_A_PAGE, JOBS_A_ROUND, Packer
from backdesk.worker.settings import Settings
from backdesk.worker.store.connection import connect
from backdesk.worker.store.upkeep import Packed
from tests.support.board import Board
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.failover import Pair
from tests.support.faults import refusing
from tests.support.packing import is_packed, pack, talk, talker
from tests.support.workers import Fleet

WHY = Failure(code="broken", message="it broke")


class Dying(Packer):
    """One that is killed when it has read what it would pack."""

    def _read(self, ids: object) -> list[object]:  # type: ignore[override]  # it comes to no return
        super()._read(ids)  # type: ignore[arg-type]  # as above
        raise KeyboardInterrupt


class Held(Packer):
    """One that waits, when it has read what it would pack, until it is let go on."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        super().__init__(client, settings, lambda: True)
        self.client, self.rounds = client, 0
        self.has_read, self.go_on = threading.Event(), threading.Event()

    def _round(self) -> int:
        found = super()._round()
        self.rounds += 1
        return found

    def _read(self, ids: Sequence[str]) -> list[Packed]:
        read = super()._read(ids)
        self.has_read.set()
        assert self.go_on.wait(PATIENCE_S)
        return read


@pytest.fixture
def held(pair: Pair, fleet_of_this_test: Fleet) -> Iterator[Held]:
    """A packer that reaches the pair by its address."""
    with connect(pair.url) as client:
        packer = Held(client, fleet_of_this_test.settings)
        yield packer
        packer.go_on.set()
        packer.stop()


def switch(pair: Pair) -> None:
    pair.demote()
    pair.promote()


@pytest.mark.parametrize("outcome", [Succeeded(b'"done"'), Failed(WHY), Cancelled(WHY), Expired(WHY)])
def test_the_log_of_a_job_that_has_ended_is_packed_however_it_ended(board: Board, outcome: Outcome) -> None:
    board.finish(talker(board), outcome)
    before = board.record("talker"), board.events("talker")
    pack(board)
    assert is_packed(board)
    assert (board.record("talker"), board.events("talker")) == before


def test_a_packed_log_takes_a_third_of_the_memory_at_most(board: Board, client: redis.Redis) -> None:
    board.succeed(talker(board, notes=25))
    before = client.memory_usage(board.keys.events("talker")) or 0
    pack(board)
    assert 0 < 3 * (client.memory_usage(board.keys.log("talker")) or 0) < before


def test_a_long_result_is_packed_with_the_log_and_read_as_before(board: Board) -> None:
    result = [{"name": f"part {number}", "count": number} for number in range(50)]
    board.succeed(talker(board), result)
    before = board.client.hstrlen(board.keys.job("talker"), "result")
    pack(board)
    assert 3 * board.client.hstrlen(board.keys.job("talker"), "result") < before
    record = board.record("talker")
    assert record is not None
    assert (record.result, record.unreadable) == (result, {})
    assert board.events("talker")[-1].data == {"result": result}


def test_the_result_of_a_called_job_stays_as_it_is_for_the_one_that_called_it(board: Board) -> None:
    board.call(board.start(board.submit("caller")), "part", "talker")
    board.succeed(talk(board, board.start("talker")), "x" * 1000)
    pack(board)
    assert is_packed(board)
    assert board.client.hget(board.keys.job("talker"), "result") == b'"%s"' % (b"x" * 1000)


def test_a_short_log_is_left_as_it_is_and_costs_nobody_anything(board: Board) -> None:
    board.succeed(board.start(board.submit("brief")))
    assert not board.client.exists(board.keys.unpacked)
    pack(board)
    assert not is_packed(board, "brief")


def test_a_log_of_few_events_is_packed_when_they_are_large(board: Board) -> None:
    claim = board.start(board.submit("verbose"))
    board.emit(claim, "note", data={"text": "looked into it " * 200})
    board.succeed(claim)
    pack(board)
    assert is_packed(board, "verbose")


def test_a_job_that_goes_on_keeps_its_log_whoever_lists_it(board: Board) -> None:
    claim = talker(board)
    board.client.sadd(board.keys.unpacked, "talker")
    pack(board)
    assert not is_packed(board)
    board.succeed(claim)
    pack(board)
    assert is_packed(board)


def test_a_log_of_many_pages_is_packed_as_a_whole(board: Board) -> None:
    claim = board.start(board.submit("long"))
    notes = [EventDraft("note", b'{"n":%d}' % number) for number in range(3 * ENTRIES_A_PAGE)]
    board.run(board.transitions.emit(claim, 0, notes))
    board.succeed(claim)
    before = board.log("long")
    pack(board)
    assert is_packed(board, "long")
    assert board.log("long") == before


def test_more_than_a_round_is_packed_in_one_tick(board: Board) -> None:
    ids = [f"job-{number}" for number in range(JOBS_A_ROUND + 5)]
    for job_id in ids:
        board.succeed(talker(board, job_id, notes=8))
    pack(board)
    assert all(is_packed(board, job_id) for job_id in ids)


def test_a_worker_that_does_not_lead_packs_nothing(board: Board) -> None:
    board.succeed(talker(board))
    Packer(board.client, board.settings, lambda: False).tick()
    assert not is_packed(board)


def test_what_a_killed_worker_had_begun_to_pack_the_next_one_packs(board: Board) -> None:
    board.succeed(talker(board))
    before = board.log("talker")
    with pytest.raises(KeyboardInterrupt):
        Dying(board.client, board.settings, lambda: True).tick()
    assert not is_packed(board)
    pack(board)
    assert (is_packed(board), board.log("talker")) == (True, before)


@pytest.mark.parametrize("read_after", [False, True])
def test_of_two_that_pack_at_once_the_later_one_changes_nothing(board: Board, *, read_after: bool) -> None:
    board.succeed(talker(board))
    before, late = board.log("talker"), Packer(board.client, board.settings, lambda: True)
    if read_after:
        pack(board)
        read = late._read(["talker"])
    else:
        read = late._read(["talker"])
        pack(board)
    assert board.run(board.transitions.pack(read)) == 0
    assert (is_packed(board), board.log("talker")) == (True, before)


def test_a_job_that_has_come_again_under_the_id_of_one_that_was_read_keeps_its_log(board: Board) -> None:
    board.fail(talker(board))
    read = Packer(board.client, board.settings, lambda: True)._read(["talker"])
    board.run(board.transitions.drop(["talker"]))
    board.clock.advance(1)
    claim = talker(board)
    assert board.run(board.transitions.pack(read)) == 0
    board.succeed(claim, "another")
    assert board.run(board.transitions.pack(read)) == 0
    pack(board)
    assert is_packed(board)
    assert board.events("talker")[-1].data == {"result": "another"}


def test_a_job_that_was_dropped_before_it_was_packed_leaves_nothing(board: Board) -> None:
    board.fail(talker(board))
    board.run(board.transitions.drop(["talker"]))
    pack(board)
    assert not [*board.client.scan_iter("*talker*"), *board.client.scan_iter(board.keys.unpacked)]


def test_a_packed_log_is_forgotten_with_its_job(board: Board) -> None:
    board.fail(talker(board))
    pack(board)
    board.run(board.transitions.drop(["talker"]))
    assert not [*board.client.scan_iter("*talker*")]


def test_what_is_no_log_holds_up_no_other(board: Board) -> None:
    for job_id in ("fine", "no-log", "no-record"):
        board.succeed(talker(board, job_id))
    for key in (board.keys.events("no-log"), board.keys.job("no-record")):
        board.client.set(key, "written by hand")
    pack(board)
    assert is_packed(board, "fine")
    assert not board.client.exists(board.keys.unpacked)


def test_a_full_redis_is_relieved_by_packing(board: Board, settings: Settings) -> None:
    board.succeed(talker(board))
    with refusing(settings.url, "OOM"):
        pack(board)
    assert is_packed(board)


def test_jobs_that_end_while_nobody_leads_are_packed_by_the_next_worker_that_does(fleet_of_this_test: Fleet) -> None:
    fleet = fleet_of_this_test
    workers = {worker.name: worker for worker in (fleet.begin_worker(), fleet.begin_worker())}
    for worker in workers.values():
        fleet.wait_for(worker)
    eventually(lambda: fleet.redis.exists(fleet.board.keys.leader))
    leader: Any = fleet.redis.get(fleet.board.keys.leader)
    workers[leader.decode()].kill()
    jobs = [fleet.jobs.submit("test.steps", {"n": 10}) for _ in range(5)]
    before = [(fleet.jobs.wait(job.id, PATIENCE_S), fleet.jobs.events(job.id)) for job in jobs]
    eventually(lambda: all(is_packed(fleet.board, job.id) for job in jobs), what="all logs packed")
    assert [(fleet.jobs.get(job.id), fleet.jobs.events(job.id)) for job in jobs] == before


def test_what_was_read_before_a_failover_is_packed_where_the_primary_is_now(
    fleet_of_this_test: Fleet, pair: Pair, held: Held
) -> None:
    board, ids = fleet_of_this_test.board, [f"job-{number}" for number in range(JOBS_A_ROUND + 5)]
    for job_id in ids:
        board.succeed(talker(board, job_id, notes=8))
    before = [board.log(job_id) for job_id in ids]
    pair.in_step()
    held.start()
    assert held.has_read.wait(PATIENCE_S)
    switch(pair)
    held.go_on.set()
    with connect(pair.primary.url) as new:
        now = Board(new, board.settings)
        eventually(lambda: all(is_packed(now, job_id) for job_id in ids), what="all logs packed")
        assert [now.log(job_id) for job_id in ids] == before
    assert not any(is_packed(board, job_id) for job_id in ids)


@pytest.mark.parametrize("again", ["running", "ended again"])
def test_an_end_that_a_failover_lost_when_its_log_had_been_read_is_packed_as_it_comes_again(
    again: str, fleet_of_this_test: Fleet, pair: Pair, held: Held
) -> None:
    board = fleet_of_this_test.board
    claim = talker(board)
    pair.in_step()
    with connect(pair.replica.url) as new:
        new.execute_command("REPLICAOF", "NO", "ONE")  # what comes now is lost
        board.succeed(claim, "first")
        held.start()
        assert held.has_read.wait(PATIENCE_S)
        switch(pair)
        now = Board(new, board.settings)
        if again == "ended again":
            now.succeed(claim, "again")
        held.client.connection_pool.disconnect()  # so that what was read there is written here
        held.go_on.set()
        if again == "running":
            eventually(lambda: held.rounds)
            now.succeed(claim, "again")
        eventually(lambda: is_packed(now), what="a packed log")
        assert [event.seq for event in now.events("talker")] == [*range(1, 24)]
        assert now.events("talker")[-1].data == {"result": "again"}


def test_what_was_packed_and_lost_by_a_failover_is_packed_again(fleet_of_this_test: Fleet, pair: Pair) -> None:
    board = fleet_of_this_test.board
    board.succeed(talker(board))
    before = board.log("talker")
    pair.in_step()
    with connect(pair.replica.url) as new:
        new.execute_command("REPLICAOF", "NO", "ONE")
        pack(board)
        switch(pair)
        now = Board(new, board.settings)
        assert (is_packed(now), now.log("talker")) == (False, before)
        pack(now)
        assert (is_packed(now), now.log("talker")) == (True, before)

"""Jobs that take several slots: what is delivered for the slots that there are, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest

from backdesk.worker.model.contract import KindContract
from backdesk.worker.model.job import HandedOver, JobState
from tests.support.board import Board, Clock
from tests.support.upkeep import leaks

LARGE = "test.large"


def announce(board: Board, agents: int, slots: int = 3, **facts: object) -> None:
    """Announce a worker with so many slots, and a kind whose jobs take several of them."""
    contract = KindContract(kind=LARGE, queue="agents", slots=slots).model_dump_json()
    said = {"slots": {"agents": agents}, "kinds": [LARGE, "test.echo"], **facts}
    board.run(board.transitions.announce("worker-1", 60_000, said, {LARGE: contract}))


def surplus(board: Board) -> Any:
    return board.client.hget(board.keys.flow, "surplus agents")


def delivered(board: Board) -> int:
    return board.client.zcard(board.keys.window("agents"))


def test_deliveries_count_for_as_many_slots_as_their_jobs_take(board: Board) -> None:
    board.client.hset(board.keys.flow, "seconds agents", 60)
    announce(board, agents=9)
    board.submit_many(10, kind=LARGE)
    assert delivered(board) == 4, "three for the slots, and one ahead"


def test_jobs_that_take_one_slot_fill_what_is_left(board: Board) -> None:
    board.client.hset(board.keys.flow, "seconds agents", 60)
    announce(board, agents=9)
    board.submit_many(2, kind=LARGE)
    board.submit_many(10)
    assert delivered(board) == 2 + 4, "three slots are left, and one is ahead"


def test_what_they_take_is_free_again_when_they_have_ended(board: Board) -> None:
    announce(board, agents=9)
    for job_id in board.submit_many(3, kind=LARGE):
        board.succeed(board.start(job_id))
    assert surplus(board) is None
    assert board.client.hget(board.keys.flow, f"slots {LARGE}") == b"3"
    assert leaks(board.client, board.settings.prefix) == []


def test_it_is_free_when_they_are_withdrawn_handed_over_or_lost(board: Board) -> None:
    announce(board, agents=9)
    withdrawn, handed_over, lost = board.submit_many(3, kind=LARGE)
    board.cancel(withdrawn)
    board.finish(board.start(handed_over), HandedOver())
    board.start(lost)
    board.lose(lost)
    assert leaks(board.client, board.settings.prefix) == []
    for job_id in (handed_over, lost):
        board.succeed(board.start(job_id))
    assert surplus(board) is None


@pytest.mark.parametrize(("before", "after"), [(3, 1), (1, 3), (2, 5)])
def test_a_kind_that_takes_another_number_of_slots_leaves_no_wrong_count(board: Board, before: int, after: int) -> None:
    announce(board, agents=9, slots=before)
    board.submit_many(3, kind=LARGE)
    claim = board.start("job-1")
    announce(board, agents=9, slots=after)
    board.finish(claim, HandedOver())
    assert leaks(board.client, board.settings.prefix) == []
    for job_id in ("job-1", "job-2", "job-3"):
        board.succeed(board.start(job_id))
    assert surplus(board) is None
    assert leaks(board.client, board.settings.prefix) == []


def test_a_wrong_count_is_put_right(board: Board) -> None:
    announce(board, agents=9)
    board.submit_many(2, kind=LARGE)
    board.start("job-1")
    board.client.hset(board.keys.flow, "surplus agents", 17)
    begin = True
    while not board.run(board.transitions.recount(begin=begin)).over:
        begin = False
    assert surplus(board) == b"4"


def test_a_cap_counts_jobs_not_slots(board: Board) -> None:
    board.run(board.transitions.configure(f"kind {LARGE}", "~ 2 ~ ~"))
    announce(board, agents=90)
    board.submit_many(5, kind=LARGE)
    assert delivered(board) == 2


def test_a_tenant_pays_for_all_the_slots_that_its_jobs_take(board: Board, clock: Clock) -> None:
    announce(board, agents=9)
    for tenant, kind in (("light", "test.echo"), ("heavy", LARGE)):
        claim = board.start(board.submit(tenant=tenant, kind=kind))
        clock.advance(10)
        assert board.run(board.transitions.renew([(claim.job_id, claim.fence)])) == [0]
        clock.advance(10)
        board.succeed(claim)
    left: dict[Any, float] = dict(board.client.zrange(board.keys.departed("agents"), 0, -1, withscores=True))  # type: ignore[arg-type]  # with scores it gives pairs
    assert left[b"heavy"] - left.get(b"light", 0) == pytest.approx(40, abs=0.1)


def test_what_a_worker_has_in_hand_until_it_has_the_slots_is_not_taken_for_lost(board: Board, clock: Clock) -> None:
    announce(board, agents=9)
    board.submit("a", kind=LARGE)
    assert board.take_delivery() == "a"
    for _ in range(5):
        clock.advance(board.settings.redispatch_after_s * 0.6)
        announce(board, agents=9, gathering=["a", "unknown"])
        assert board.run(board.transitions.redispatch("agents")) == 0
    clock.advance(board.settings.redispatch_after_s)
    assert board.run(board.transitions.redispatch("agents")) == 1
    board.cancel("a")
    announce(board, agents=9, gathering=["a"])
    assert (board.state("a"), delivered(board)) == (JobState.CANCELLED, 0)

"""The recount: what runs and is delivered is counted anew in parts, and a count that is wrong is put right and told."""

from __future__ import annotations

import pytest
import redis

from backdesk.worker.model.tenancy import JobLimits, scope_of
from backdesk.worker.store.upkeep import RECOUNT_BATCH, Recounted
from tests.support.board import Board


def recount(board: Board) -> Recounted:
    part = board.run(board.transitions.recount(begin=True))
    while not part.over:
        part = board.run(board.transitions.recount(begin=False))
    return part


def test_counts_that_are_right_stay_as_they_are(board: Board) -> None:
    board.announce(agents=4)
    board.start(board.submit_many(6)[0])
    assert recount(board) == Recounted(over=True, put_right=0, examples=[])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("queue agents", -5038),
        ("tenant acme", 40),
        ("kind test.echo", 0),
        ("tenant gone kind test.echo", -1),
        ("prepaid agents acme", 7_000_000),
        ("unbegun kind test.echo", 70),
    ],
)
def test_a_count_that_is_wrong_is_put_right_and_told(board: Board, client: redis.Redis, name: str, value: int) -> None:
    board.run(board.transitions.configure(scope_of(kind="test.echo"), JobLimits(rate="100/s", burst=9).policy))
    board.announce(agents=2)
    board.start(board.submit_many(6)[0])
    if value:
        client.hset(board.keys.flow, name, value)
    else:
        client.hdel(board.keys.flow, name)
    part = recount(board)
    assert part.put_right == 1
    assert part.examples[0].startswith(f"{name}: {value}, not ")
    assert client.hmget(board.keys.recount, "put_right", "put_right_at") == [b"1", b"%d" % board.clock()]


def test_all_counts_lost_are_found_again(board: Board, client: redis.Redis) -> None:
    board.announce(agents=2)
    board.start(board.submit_many(6)[0])
    client.delete(board.keys.flow)
    assert recount(board).put_right == 5


def test_jobs_that_come_and_go_while_it_counts_are_counted_once(board: Board, client: redis.Redis) -> None:
    """Between any two parts one job begins, one ends and one comes; a wrong count is put right as exactly."""
    board.announce(agents=20)
    for tenant in ("acme", "globex"):
        board.submit_many(30, tenant=tenant)
    claims = [board.start(job_id) for job_id in board.delivered()[:10]]
    client.hincrby(board.keys.flow, "tenant acme", 17)
    part = board.run(board.transitions.recount(begin=True))
    parts = 1
    while not part.over:
        board.succeed(claims.pop(0))
        board.retry(claims.pop(0), 0)
        board.promote()
        claims.append(board.start(board.delivered()[parts + 10]))
        board.submit(tenant="initech")
        part = board.run(board.transitions.recount(begin=False))
        parts += 1
    assert parts > 3
    assert part.put_right == 1


def test_a_count_that_was_too_high_no_longer_holds_up_jobs(board: Board, client: redis.Redis) -> None:
    board.run(board.transitions.configure(scope_of(kind="test.echo"), JobLimits(max_running=1).policy))
    client.hset(board.keys.flow, "kind test.echo", 9)
    board.announce(agents=2)
    job_id = board.submit()
    assert board.delivered() == []
    recount(board)
    assert board.delivered() == [job_id]


def test_jobs_of_a_queue_that_nobody_serves_are_counted_too(board: Board) -> None:
    board.submit_many(3, queue="elsewhere")
    assert recount(board).put_right == 0


def test_it_goes_on_where_another_leader_has_left_it(board: Board) -> None:
    board.submit_many(3)
    first = board.run(board.transitions.recount(begin=True))
    assert not first.over
    assert recount(board).over


def test_one_that_has_lost_its_mark_with_the_flow_begins_anew(board: Board, client: redis.Redis) -> None:
    board.announce(agents=4)
    board.submit_many(3)
    board.run(board.transitions.recount(begin=True))
    client.delete(board.keys.flow)
    board.succeed(board.start(board.delivered()[0]))  # uncounted by the recount, and taken from a count that is gone
    assert board.run(board.transitions.recount(begin=False)).over
    recount(board)


def test_nothing_is_counted_when_none_has_begun(board: Board) -> None:
    board.submit()
    assert board.run(board.transitions.recount(begin=False)) == Recounted(over=True, put_right=0, examples=[])


def test_each_part_looks_at_a_bounded_number_of_jobs(board: Board, client: redis.Redis) -> None:
    board.announce(ttl_s=1e6, agents=1300)
    for _ in range(7):
        board.submit_many(200)
    board.run(board.transitions.resume())
    assert len(board.delivered()) > 2 * RECOUNT_BATCH
    part, looked_at = board.run(board.transitions.recount(begin=True)), []
    while not part.over:
        client.config_resetstat()
        part = board.run(board.transitions.recount(begin=False))
        looked_at.append(client.info("commandstats").get("cmdstat_hset", {"calls": 0})["calls"])
    assert part.put_right == 0
    assert RECOUNT_BATCH / 2 < max(looked_at) < 2 * RECOUNT_BATCH

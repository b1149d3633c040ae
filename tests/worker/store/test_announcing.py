"""Announcing: what live workers offer is summed up by what changes, at a cost that does not grow with the fleet."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from tests.support.board import Board, Clock

#: Workers that one announcement gives up at most; the same as in announce.lua.
GIVEN_UP_AT_ONCE = 20


def announce(board: Board, name: str, *, ttl_s: float = 6, **facts: Any) -> tuple[int, int]:
    said = {"slots": {"agents": 10}, "kinds": ["test.echo", "test.sleep"], **facts}
    return board.run(board.transitions.announce(name, round(ttl_s * 1000), said))[:2]


def sums(board: Board) -> tuple[dict[Any, Any], dict[Any, Any]]:
    return board.client.hgetall(board.keys.slots), board.client.hgetall(board.keys.served)


def commands_of(board: Board, name: str, **facts: Any) -> int:
    """How many commands one announcement takes."""
    board.client.config_resetstat()
    announce(board, name, **facts)
    return sum(stat["calls"] for stat in board.client.info("commandstats").values())


def test_an_announcement_costs_the_same_whether_there_are_three_workers_or_a_thousand(board: Board) -> None:
    for number in range(3):
        announce(board, f"worker-{number}")
    among_few = commands_of(board, "worker-1")
    for number in range(3, 1000):
        announce(board, f"worker-{number}")
    assert commands_of(board, "worker-1") == among_few
    assert announce(board, "worker-1") == (1000, 2)
    assert sums(board) == (
        {b"agents": b"10000"},
        {b"test.echo": b"1000", b"test.sleep": b"1000", b"agents#10": b"1000"},
    )


def test_one_that_has_changed_costs_no_more_for_it_in_a_large_fleet(board: Board) -> None:
    announce(board, "worker-0")
    among_few = commands_of(board, "worker-0", slots={"tools": 1}, kinds=["test.tool"])
    for number in range(300):
        announce(board, f"worker-{number}")
    assert commands_of(board, "worker-0", slots={"tools": 1}, kinds=["test.tool"]) <= among_few
    slots, served = sums(board)
    assert slots == {b"agents": b"2990", b"tools": b"1"}
    assert served.pop(b"tools#1") == b"1"
    assert served == {b"test.echo": b"299", b"test.sleep": b"299", b"agents#10": b"299", b"test.tool": b"1"}


def test_one_that_takes_no_more_offers_nothing(board: Board) -> None:
    announce(board, "worker-0")
    announce(board, "worker-0", draining=True)
    assert sums(board) == ({}, {})
    announce(board, "worker-0")
    assert sums(board) == ({b"agents": b"10"}, {b"test.echo": b"1", b"test.sleep": b"1", b"agents#10": b"1"})


def test_many_that_are_gone_are_given_up_in_portions(board: Board, clock: Clock, client: redis.Redis) -> None:
    for number in range(50):
        announce(board, f"worker-{number}")
    clock.advance(7)
    assert announce(board, "survivor") == (1, 2)
    assert client.hlen(board.keys.offers) == 1 + 50 - GIVEN_UP_AT_ONCE
    for _ in range(2):
        announce(board, "survivor")
    assert sums(board)[0] == {b"agents": b"10"}
    assert client.hkeys(board.keys.offers) == [b"survivor"]


def test_one_that_comes_back_after_it_was_given_up_counts_once(board: Board, clock: Clock) -> None:
    announce(board, "worker-0")
    clock.advance(7)
    announce(board, "worker-0")
    assert sums(board)[0] == {b"agents": b"10"}


def test_nothing_is_left_of_a_fleet_that_has_stopped(board: Board, client: redis.Redis) -> None:
    for number in range(3):
        announce(board, f"worker-{number}")
    for number in range(3):
        announce(board, f"worker-{number}", ttl_s=0)
    assert not client.exists(board.keys.slots, board.keys.served, board.keys.offers, board.keys.workers)


@pytest.mark.parametrize("wrong", [{"agents": 70}, {"agents": -2}, {}, {"agents": 20, "nowhere": 3}])
def test_sums_that_went_wrong_are_put_right(board: Board, client: redis.Redis, wrong: dict[str, int]) -> None:
    for number in range(2):
        announce(board, f"worker-{number}")
    right = sums(board)
    assert board.run(board.transitions.muster()) == 0
    client.delete(board.keys.slots)
    for queue, slots in wrong.items():
        client.hset(board.keys.slots, queue, slots)
    client.hset(board.keys.served, mapping={"test.echo": 9, "test.gone": 1})
    assert board.run(board.transitions.muster()) == 3
    assert sums(board) == right


def test_an_offer_of_a_worker_that_nobody_lists_is_dropped(board: Board, client: redis.Redis) -> None:
    announce(board, "worker-0")
    announce(board, "worker-1")
    client.zrem(board.keys.workers, "worker-0")
    board.run(board.transitions.muster())
    assert sums(board)[0] == {b"agents": b"10"}
    assert client.hkeys(board.keys.offers) == [b"worker-1"]


def test_jobs_that_nobody_knew_stand_in_line_again_in_portions(board: Board, client: redis.Redis) -> None:
    announce(board, "worker-0", slots={"agents": 250})
    ids = board.submit_many(220, kind="test.new")
    while client.zcard(board.keys.stranded("test.new")) < len(ids):
        for job_id in ids:
            board.run(board.transitions.redeliver(job_id, unknown_kind=True))
    announce(board, "worker-0", slots={"agents": 250}, kinds=["test.new"])
    assert client.zcard(board.keys.stranded("test.new")) == 20
    announce(board, "worker-0", slots={"agents": 250}, kinds=["test.new"])
    assert not client.exists(board.keys.stranded("test.new"))

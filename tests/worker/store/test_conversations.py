"""Conversations: the jobs of one run one at a time, in the order in which they came, whatever becomes of each."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from backdesk.worker.failure import Failure
from backdesk.worker.model.job import Claim, HandedOver, JobState, Retried
from backdesk.worker.store.calls import text
from backdesk.worker.store.jobs import SubmitCode
from tests.support.board import NOON_MS, Board, Clock, question


def say(board: Board, job_id: str, conversation: str = "c-1", **fields: Any) -> tuple[SubmitCode, str]:
    """Submit a job of a conversation."""
    job = board.job(job_id, conversation=conversation, **fields)
    ((code, found),) = board.run(board.transitions.submit([job]))
    return code, found


def next_of(board: Board) -> Claim:
    """Start the only job that is there to start."""
    (job_id,) = board.delivered()
    board.take_delivery()
    return board.start(job_id)


def turns(board: Board, client: redis.Redis, conversation: str = "c-1", tenant: str = "acme") -> list[str]:
    members: list[Any] = client.zrange(board.keys.conversation(tenant, conversation), 0, -1)
    return [text(member) for member in members]


# One at a time


def test_jobs_of_a_conversation_run_one_at_a_time_in_the_order_of_their_arrival(board: Board) -> None:
    for job_id in ("a", "b", "c"):
        say(board, job_id)
    for job_id in ("a", "b", "c"):
        claim = next_of(board)
        assert claim.job_id == job_id
        assert board.delivered() == []
        board.succeed(claim)


def test_a_higher_priority_does_not_overtake_within_a_conversation(board: Board) -> None:
    say(board, "a")
    say(board, "b", priority=0)
    say(board, "c", priority=9)
    order = list(iter(board.run_next, None))
    assert order == ["a", "b", "c"]


def test_conversations_do_not_hold_up_each_other_nor_jobs_without_one(board: Board) -> None:
    say(board, "a", "c-1")
    say(board, "b", "c-1")
    say(board, "x", "c-2")
    board.submit("free")
    assert board.delivered() == ["a", "x", "free"]


def test_two_tenants_conversations_of_the_same_name_do_not_meet(board: Board) -> None:
    say(board, "a", tenant="acme")
    say(board, "b", tenant="globex")
    assert set(board.delivered()) == {"a", "b"}
    assert say(board, "c", tenant="globex", when_busy="reject") == (SubmitCode.BUSY, "b")
    assert say(board, "d", tenant="initech", when_busy="reject") == (SubmitCode.CREATED, "d")


def test_a_conversation_spans_kinds_and_queues(board: Board) -> None:
    say(board, "a")
    say(board, "b", kind="test.tool", queue="tools")
    assert board.delivered("tools") == []
    board.run_next()
    assert board.delivered("tools") == ["b"]


def test_an_old_delivery_does_not_run_a_job_before_its_turn(board: Board) -> None:
    say(board, "a")
    say(board, "b")
    assert not isinstance(board.claim("b"), Claim)
    assert board.state("b") is JobState.QUEUED


# Whatever becomes of the first


@pytest.mark.parametrize("way", ["retry", "wait", "lose", "hand_over", "redeliver"])
def test_the_others_wait_while_the_first_goes_on_later(board: Board, way: str) -> None:
    say(board, "a")
    say(board, "b")
    claim = next_of(board)
    if way == "retry":
        board.finish(claim, Retried(Failure(code="network", message="it broke"), 5))
        assert board.delivered() == []
        board.clock.advance(5)
        board.promote()
    elif way == "wait":
        board.wait(claim, question())
        assert board.delivered() == []
        board.answer("a", "sure")
    elif way == "lose":
        board.lose("a")
    elif way == "hand_over":
        board.finish(claim, HandedOver())
    else:
        board.lose("a")
        board.take_delivery()
        board.run(board.transitions.redeliver("a", unknown_kind=True))
        board.run(board.transitions.announce("w", 6000, {"slots": {"agents": 2}, "kinds": ["test.echo"]}))
    assert board.delivered() == ["a"]
    assert board.run_next() == "a"
    assert board.delivered() == ["b"]


@pytest.mark.parametrize("way", ["succeed", "fail", "cancel", "expire", "poison"])
def test_however_the_first_ends_the_next_has_its_turn(board: Board, clock: Clock, way: str) -> None:
    say(board, "a", expires_at_ms=NOON_MS + 60_000)
    say(board, "b")
    claim = next_of(board)
    if way == "poison":
        for _ in range(board.settings.max_crashes - 1):
            board.lose("a")
            claim = next_of(board)
        board.lose("a")
    elif way == "expire":
        clock.advance(3600)
        board.expire()
    elif way == "cancel":
        board.cancel("a")
        clock.advance(11)
        board.expire()
    else:
        board.succeed(claim) if way == "succeed" else board.fail(claim)
    assert board.record("a").state not in {JobState.RUNNING, JobState.QUEUED}
    assert board.delivered() == ["b"]


@pytest.mark.parametrize("limit", ["cancel", "expire"])
def test_a_job_that_ends_before_its_turn_leaves_the_order_of_the_others(
    board: Board, clock: Clock, client: redis.Redis, limit: str
) -> None:
    say(board, "a")
    say(board, "b", expires_at_ms=NOON_MS + 1000)
    say(board, "c")
    if limit == "cancel":
        board.cancel("b")
    else:
        clock.advance(1)
        board.expire()
    assert turns(board, client) == ["a", "c"]
    board.run_next()
    assert board.run_next() == "c"
    assert not client.exists(board.keys.conversation("acme", "c-1"))


# What a new one does while another goes on


def test_a_job_may_be_refused_while_another_goes_on_and_nothing_of_it_is_kept(board: Board) -> None:
    say(board, "a")
    assert say(board, "b", when_busy="reject", idempotency_key="k") == (SubmitCode.BUSY, "a")
    assert board.find("b") is None
    board.run_next()
    assert say(board, "b", when_busy="reject", idempotency_key="k") == (SubmitCode.CREATED, "b")


@pytest.mark.parametrize("state", ["queued", "running", "waiting", "scheduled"])
def test_another_goes_on_in_every_state_that_is_not_its_end(board: Board, state: str) -> None:
    say(board, "a")
    if state != "queued":
        claim = next_of(board)
        if state == "waiting":
            board.wait(claim, question())
        if state == "scheduled":
            board.retry(claim, 5)
    assert board.state("a") == state
    assert say(board, "b", when_busy="reject") == (SubmitCode.BUSY, "a")


def test_a_submit_that_is_repeated_finds_its_job_and_not_a_busy_conversation(board: Board) -> None:
    say(board, "a", when_busy="reject")
    assert say(board, "a", when_busy="reject") == (SubmitCode.EXISTING, "a")


def test_of_several_in_one_submit_the_first_makes_the_conversation_busy(board: Board) -> None:
    jobs = [board.job(job_id, conversation="c", when_busy="reject") for job_id in ("a", "b")]
    assert board.run(board.transitions.submit(jobs)) == [(SubmitCode.CREATED, "a"), (SubmitCode.BUSY, "a")]


def test_a_job_may_interrupt_those_before_it(board: Board) -> None:
    for job_id in ("a", "b", "c"):
        say(board, job_id)
    claim = next_of(board)
    say(board, "d", when_busy="interrupt")
    assert [board.state(job_id) for job_id in ("b", "c", "d")] == ["cancelled", "cancelled", "queued"]
    assert board.record("a").cancelling
    assert board.delivered() == []
    board.fail(claim)
    assert board.delivered() == ["d"]
    for job_id in ("b", "c"):
        error = board.record(job_id).error
        assert error is not None
        assert error.message == "interrupted by a newer message of its conversation"


def test_interrupting_what_does_not_run_yet_begins_at_once(board: Board) -> None:
    say(board, "a")
    say(board, "b")
    say(board, "c", when_busy="interrupt")
    assert [job for job in board.delivered() if board.state(job) is JobState.QUEUED] == ["c"]


# Delayed jobs


def test_a_delayed_job_has_its_turn_when_its_time_has_come(board: Board, clock: Clock, client: redis.Redis) -> None:
    say(board, "later", run_at_ms=NOON_MS + 10_000)
    assert say(board, "a", when_busy="reject") == (SubmitCode.CREATED, "a")
    claim = next_of(board)
    clock.advance(10)
    board.promote()
    assert board.delivered() == []
    say(board, "b")
    assert turns(board, client) == ["a", "later", "b"]
    board.succeed(claim)
    assert board.delivered() == ["later"]


def test_a_long_conversation_costs_no_more_than_a_short_one(board: Board, client: redis.Redis) -> None:
    """Of each of these commands the cost does not grow with the conversation; a list would be searched."""
    say(board, "a")
    for number in range(200):
        say(board, f"b-{number}")
    client.config_resetstat()
    say(board, "last")
    board.cancel("b-150")
    used = {name.removeprefix("cmdstat_") for name in client.info("commandstats")}
    assert not used & {"lrange", "lrem", "lpos", "zrevrange"}

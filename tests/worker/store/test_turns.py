"""The end of an attempt and the claim of the job that is next, in one step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import redis

from backdesk.worker.model.job import Claim, JobState, Succeeded, Usage
from backdesk.worker.store.attempts import Turn
from backdesk.worker.store.scripts import Call
from backdesk.worker.store.wire import Wire
from tests.support.board import Board
from tests.support.recording import claim_of

DONE = Succeeded(b"1")


@pytest.fixture(autouse=True)
def _slots(board: Board) -> None:
    board.announce(agents=4)


@pytest.fixture
def claim(board: Board) -> Claim:
    """Of a job that runs; its delivery is taken."""
    board.submit("first")
    board.take_delivery()
    return board.start("first")


def turn(board: Board, claim: Claim, fence: str = "next") -> Call[Turn]:
    return board.transitions.turn(claim, DONE, Usage(), worker="worker-1", fence=fence)


def test_the_job_that_is_next_begins_as_another_ends(board: Board, claim: Claim) -> None:
    board.submit_many(2)
    kept, delivery, following = board.run(turn(board, claim))
    assert kept
    assert following is not None
    assert (following.job_id, following.fence, following.attempt) == ("job-1", "next", 1)
    assert b'"id":"job-1"' in delivery
    assert [board.state(job_id) for job_id in ("first", "job-1", "job-2")] == [
        JobState.SUCCEEDED,
        JobState.RUNNING,
        JobState.QUEUED,
    ]
    assert board.delivered() == ["job-2"]
    assert board.event_types("job-1") == ["queued", "started"]
    assert board.succeed(following)


def test_repeated_after_a_lost_answer_it_finds_the_same_job_again(board: Board, claim: Claim) -> None:
    board.submit_many(2)
    first, second = (board.run(turn(board, claim)) for _ in range(2))
    assert (first.kept, first.delivery) == (second.kept, second.delivery)
    assert first.claim is not None
    assert second.claim == replace(first.claim, watchers=0)
    assert board.state("job-2") is JobState.QUEUED
    assert board.record("job-1").attempt == 1


def test_repeated_when_the_next_job_has_ended_meanwhile_it_begins_nothing(board: Board, claim: Claim) -> None:
    board.submit_many(2)
    following = board.run(turn(board, claim)).claim
    assert following is not None
    board.succeed(following)
    assert board.run(turn(board, claim)).claim is None
    assert board.state("job-2") is JobState.QUEUED


def test_where_nothing_is_next_the_attempt_ends_all_the_same(board: Board, claim: Claim) -> None:
    assert board.run(turn(board, claim)) == Turn(kept=True, delivery=b"", claim=None)
    assert board.state("first") is JobState.SUCCEEDED


def test_an_attempt_that_has_lost_its_fence_begins_nothing(board: Board, claim: Claim) -> None:
    job_id = board.submit()
    assert board.run(turn(board, replace(claim, fence="of another"))) == Turn(kept=False, delivery=b"", claim=None)
    assert (board.state("first"), board.delivered()) == (JobState.RUNNING, [job_id])


def test_a_job_of_another_kind_comes_as_a_delivery_to_be_claimed(board: Board, claim: Claim) -> None:
    job_id = board.submit(kind="test.other")
    kept, delivery, following = board.run(turn(board, claim))
    assert (kept, following, board.delivered()) == (True, None, [])
    assert f'"id":"{job_id}"'.encode() in delivery
    assert isinstance(board.claim(job_id), Claim)


def test_a_message_of_a_plain_celery_client_comes_as_it_is(board: Board, claim: Claim) -> None:
    message = b'{"body":"[[],{},{}]","headers":{"id":"plain","root_id":"plain"}}'
    board.submit("plain", delivery=message)
    assert board.run(turn(board, claim)) == Turn(kept=True, delivery=message, claim=None)
    assert board.state("plain") is JobState.QUEUED


def test_an_old_delivery_begins_nothing(board: Board, claim: Claim) -> None:
    job_id = board.submit()
    board.cancel(job_id)
    assert board.run(turn(board, claim)).claim is None
    assert board.state(job_id) is JobState.CANCELLED


def test_nothing_more_is_begun_while_redis_is_nearly_full(board: Board, claim: Claim, client: redis.Redis) -> None:
    job_id = board.submit()
    client.set(board.keys.full, "90 100", px=60_000)
    assert board.run(turn(board, claim)) == Turn(kept=True, delivery=b"", claim=None)
    assert board.delivered() == [job_id]


def test_an_unknown_job_leaves_nothing(board: Board) -> None:
    assert board.run(turn(board, claim_of("nobody"))).kept is False


@pytest.fixture
def wire(client: redis.Redis) -> Iterator[Wire]:
    wire = Wire(client)
    yield wire
    wire.close()


def test_turns_and_claims_that_come_together_are_one_script(board: Board, client: redis.Redis, wire: Wire) -> None:
    running = [board.start(job_id) for job_id in board.submit_many(2)]
    for _ in running:
        board.take_delivery()
    *following, alone = board.submit_many(3)
    client.config_resetstat()
    first, claimed, second = wire.exchange(
        [turn(board, running[0], "a"), board.transitions.claim(alone, "worker-1", "b"), turn(board, running[1], "c")]
    )
    assert client.info("commandstats")["cmdstat_evalsha"]["calls"] == 1
    assert [each.claim.job_id for each in (first, second)] == following
    assert (claimed.job_id, claimed.fence) == (alone, "b")


@pytest.mark.parametrize("slots", [1, 2])
def test_a_job_of_which_it_was_said_how_many_slots_it_takes_comes_to_be_claimed(
    board: Board, claim: Claim, slots: int
) -> None:
    job_id = board.submit(slots=slots)
    kept, delivery, following = board.run(turn(board, claim))
    assert (kept, following, board.state(job_id)) == (True, None, JobState.QUEUED)
    assert f'"slots":{slots}'.encode() in delivery

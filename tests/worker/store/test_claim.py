"""Claim: of all deliveries of a job, one gets the right to run it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from backdesk.worker.model.job import Claim, JobState, Refused
from tests.support.board import NOON_MS, Board, Clock
from tests.support.listening import listening

NOTHING = Refused(None)


def test_a_claim_begins_the_first_attempt(board: Board) -> None:
    claim = board.start(board.submit("a", tenant="globex", metadata=b'{"ticket":7}'), worker="agents@host-1")
    assert (claim.job_id, claim.kind, claim.tenant, claim.queue, claim.attempt) == (
        "a",
        "test.echo",
        "globex",
        "agents",
        1,
    )
    assert (claim.request, claim.metadata, claim.expires_at) == (b'{"text":"hello"}', {"ticket": 7}, None)
    record = board.record("a")
    assert (record.state, record.attempt, record.worker) == (JobState.RUNNING, 1, "agents@host-1")
    assert record.started_at == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_claim_is_told_as_an_event_with_the_worker(board: Board) -> None:
    board.start(board.submit("a"), worker='odd "name"')
    event = board.events("a")[-1]
    assert (event.type, event.attempt, event.data) == ("started", 1, {"worker": 'odd "name"'})


def test_a_second_delivery_is_refused(board: Board) -> None:
    board.start(board.submit("a"))
    assert board.claim("a") == NOTHING
    assert board.record("a").attempt == 1


def test_a_claim_repeated_after_a_lost_answer_is_the_same_claim(board: Board) -> None:
    board.submit("a")
    first, second = (board.claim("a", fence="t-1") for _ in range(2))
    assert isinstance(first, Claim)
    assert first == second
    assert board.event_types("a") == ["queued", "started"]


def test_each_attempt_has_a_higher_fence(board: Board) -> None:
    board.submit("a")
    fences = []
    for _ in range(2):
        fences.append(board.start("a").attempt)
        board.lose("a")
    assert fences == [1, 2]


def test_an_unknown_job_is_not_there_to_claim(board: Board) -> None:
    assert board.claim("never") == NOTHING


def test_a_cancelled_job_is_dropped(board: Board) -> None:
    board.submit("a")
    board.run(board.transitions.cancel("a", "no use"))
    assert board.claim("a") == NOTHING
    assert board.state("a") is JobState.CANCELLED


def test_a_job_that_has_ended_is_dropped(board: Board) -> None:
    board.succeed(board.start(board.submit("a")))
    assert board.claim("a") == NOTHING


def test_a_job_that_expired_before_its_claim_ends_as_expired(board: Board, clock: Clock) -> None:
    board.submit("a", expires_at_ms=NOON_MS + 1000)
    clock.advance(1)
    refused = board.claim("a")
    assert isinstance(refused, Refused)
    assert refused.failure is not None
    assert (refused.failure.code, refused.failure.category) == ("expired", "timeout")
    record = board.record("a")
    assert (record.state, record.error) == (JobState.EXPIRED, refused.failure)
    assert board.event_types("a") == ["queued", "expired"]


def test_a_claim_in_time_knows_its_deadline(board: Board, clock: Clock) -> None:
    board.submit("a", expires_at_ms=NOON_MS + 1000)
    clock.advance(0.999)
    assert board.start("a").expires_at == datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC)


def test_a_claim_knows_how_many_watch(board: Board) -> None:
    board.submit("a")
    with listening(board.client, board.keys.progress("a")):
        assert board.start("a").watchers == 1


# A job of a plain Celery client, who waits for a result at Celery

MESSAGE = b'{"headers":{"id":"a","task":"test.echo"}}'


def withdrawn(board: Board, job_id: str) -> None:
    board.run(board.transitions.cancel(job_id, "no use"))


def expired(board: Board, job_id: str) -> None:
    board.clock.advance(2)
    board.run(board.transitions.expire())


def poisoned(board: Board, job_id: str) -> None:
    for _ in range(board.settings.max_crashes):
        board.start(job_id)
        board.lose(job_id)


@pytest.mark.parametrize("end", [withdrawn, expired, poisoned])
def test_a_job_that_ended_while_no_worker_ran_it_is_delivered_once_more_to_tell_its_sender(
    board: Board, end: Callable[[Board, str], None]
) -> None:
    board.submit("a", delivery=MESSAGE, expires_at_ms=None if end is poisoned else NOON_MS + 1000)
    while board.take_delivery():
        pass
    end(board, "a")
    assert board.take_delivery() == "a"
    assert board.claim("a") == Refused(board.record("a").error)


def test_the_sender_is_told_once(board: Board) -> None:
    board.submit("a", delivery=MESSAGE)
    withdrawn(board, "a")
    assert [board.claim("a") for _ in range(3)] == [Refused(board.record("a").error), NOTHING, NOTHING]


def test_a_job_of_our_own_client_is_not_delivered_again_when_it_ends(board: Board) -> None:
    board.submit("a")
    board.take_delivery()
    withdrawn(board, "a")
    assert board.take_delivery() is None

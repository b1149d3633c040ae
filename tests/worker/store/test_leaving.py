"""Park, wait, answer and promote: attempts that end while their job goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis
from pydantic_core import to_json

from backdesk.worker.failure import Failure
from backdesk.worker.model.job import Claim, HandedOver, JobState, Retried
from backdesk.worker.store.moments import moment
from tests.support.board import NOON_MS, Board, Clock, outcome_of, question

BROKEN = Failure(code="network", message="it broke", transient=True)


# Park


def test_a_failed_attempt_is_followed_by_another_after_the_delay(board: Board, clock: Clock) -> None:
    assert board.retry(board.start(board.submit("a")), delay_s=1.5)
    record = board.record("a")
    assert (record.state, record.run_at) == (JobState.SCHEDULED, moment(NOON_MS + 1500))
    clock.advance(1.499)
    assert board.promote() == 0
    clock.advance(0.001)
    assert board.promote() == 1
    assert board.state("a") is JobState.QUEUED
    assert board.start("a").attempt == 2


def test_a_retry_is_told_with_its_reason_and_when_it_comes(board: Board) -> None:
    board.retry(board.start(board.submit("a")), delay_s=1.5)
    event = board.events("a")[-1]
    assert (event.type, event.data["delay_s"], event.data["run_at"]) == ("retrying", 1.5, "2026-03-01T12:00:01.500Z")
    assert Failure.model_validate(event.data["error"]) == BROKEN


def test_only_failed_attempts_count_as_failures(board: Board, clock: Clock) -> None:
    board.submit("a")
    for leave in (Board.retry, Board.defer, hands_over, asks, Board.retry):
        leave(board, board.start("a"))
        board.answer("a", "sure")
        clock.advance(2)
        board.promote()
    record = board.record("a")
    assert (record.failures, record.crashes, record.attempt) == (2, 0, 5)
    assert board.start("a").failures == 2


def test_a_limited_attempt_is_told_as_such(board: Board) -> None:
    board.defer(board.start(board.submit("a")), delay_s=3)
    event = board.events("a")[-1]
    assert (event.type, event.data["delay_s"], event.data["error"]["code"]) == ("limited", 3, "limited")


def test_a_job_that_is_handed_over_is_queued_at_once_in_front_of_its_line(board: Board) -> None:
    board.announce(agents=1)
    ids = board.submit_many(6)
    claim = board.start(board.take_delivery() or "")
    assert board.finish(claim, HandedOver())
    assert board.events(claim.job_id)[-1].data["reason"] == "handed_over"
    # One was delivered ahead, before it was known how long they take.
    assert [board.run_next() for _ in range(3)] == [ids[1], ids[0], ids[2]]


def test_former_attempts_are_kept_with_how_they_ended(board: Board, clock: Clock) -> None:
    board.submit("a")
    first = board.start("a", "worker-1")
    clock.advance(2)
    board.retry(first)
    clock.advance(1)
    board.promote()
    board.finish(board.start("a", 'odd "name"'), HandedOver())
    board.start("a")
    board.lose("a")
    board.wait(board.start("a"), question())
    past = board.record("a").attempts
    assert [(each.attempt, each.worker, each.outcome) for each in past] == [
        (1, "worker-1", "failed"),
        (2, 'odd "name"', "handed_over"),
        (3, "worker-1", "lost"),
        (4, "worker-1", "waiting"),
    ]
    assert past[0].error == BROKEN
    assert past[0].started_at == moment(NOON_MS)
    assert past[0].ended_at == moment(NOON_MS + 2000)


def test_what_is_kept_of_former_attempts_is_bounded(board: Board, client: redis.Redis) -> None:
    board.submit("a")
    failure = Failure(code="network", message="x" * 4000, transient=True)
    for _ in range(30):
        claim = board.start("a")
        board.finish(claim, Retried(failure, 0))
        board.promote()
    assert client.hstrlen(board.keys.job("a"), "past") < 70_000
    assert len(board.record("a").attempts) < 30
    assert board.record("a").failures == 30


def asks(board: Board, claim: Claim) -> bool:
    return board.wait(claim, question())


def hands_over(board: Board, claim: Claim) -> bool:
    return board.finish(claim, HandedOver())


LEAVINGS: list[Callable[[Board, Claim], bool]] = [Board.retry, Board.defer, hands_over, asks]


@pytest.mark.parametrize("leave", LEAVINGS)
def test_leaving_twice_after_a_lost_answer_is_leaving_once(board: Board, leave: Callable[[Board, Claim], bool]) -> None:
    claim = board.start(board.submit("a"))
    assert leave(board, claim)
    told = board.log("a")
    assert leave(board, claim)
    assert board.log("a") == told
    assert len(board.record("a").attempts) == 1


@pytest.mark.parametrize("leave", LEAVINGS)
def test_an_attempt_that_has_lost_its_fence_cannot_leave(board: Board, leave: Callable[[Board, Claim], bool]) -> None:
    stale = board.start(board.submit("a"))
    board.lose("a")
    assert not leave(board, stale)
    current = board.start("a")
    assert not leave(board, stale)
    assert board.state("a") is JobState.RUNNING
    assert leave(board, current)


@pytest.mark.parametrize("leave", LEAVINGS)
def test_an_attempt_that_left_is_told_so_no_more_once_another_has_begun(
    board: Board, leave: Callable[[Board, Claim], bool]
) -> None:
    first = board.start(board.submit("a"))
    assert board.retry(first, delay_s=0)
    board.promote()
    board.start("a")
    assert not leave(board, first)
    board.lose("a")
    assert board.state("a") is JobState.QUEUED
    assert not leave(board, first)
    board.cancel("a")
    assert not leave(board, first)


@pytest.mark.parametrize("leave", LEAVINGS)
def test_a_job_that_was_asked_to_stop_ends_when_its_attempt_leaves(
    board: Board, leave: Callable[[Board, Claim], bool]
) -> None:
    claim = board.start(board.submit("a"))
    board.cancel("a", "enough")
    assert leave(board, claim)
    record = board.record("a")
    assert (record.state, record.error and record.error.message) == (JobState.CANCELLED, "enough")
    assert leave(board, claim)
    assert board.event_types("a") == ["queued", "started", "cancelled"]


@pytest.mark.parametrize("leave", LEAVINGS)
def test_an_attempt_cannot_leave_a_job_that_has_ended(board: Board, leave: Callable[[Board, Claim], bool]) -> None:
    claim = board.start(board.submit("a"))
    board.succeed(claim)
    assert not leave(board, claim)
    assert board.state("a") is JobState.SUCCEEDED


# Wait


def test_a_job_that_asks_waits_and_says_for_what(board: Board) -> None:
    board.wait(board.start(board.submit("a")), question("sure"), outcome_of("pay"))
    record = board.record("a")
    assert record.state is JobState.WAITING
    assert {ask.name for ask in record.asks} == {"sure", "outcome:pay"}
    event = board.events("a")[-1]
    assert event.type == "waiting"
    assert [(ask["type"], ask["name"]) for ask in event.data["for"]] == [
        ("question", "sure"),
        ("outcome", "outcome:pay"),
    ]


def test_a_waiting_job_gives_its_slot_and_its_lease_back(board: Board, client: redis.Redis) -> None:
    board.wait(board.start(board.submit("a")), question())
    assert client.zcard(board.keys.leases) == 0
    assert board.reap() == []


def test_the_answer_queues_the_job_and_comes_with_its_next_claim(board: Board) -> None:
    board.wait(board.start(board.submit("a")), question("sure"))
    assert board.answer("a", "sure", "of course") == (True, "queued")
    assert board.event_types("a")[-2:] == ["answered", "queued"]
    assert board.events("a")[-1].data["reason"] == "resumed"
    assert board.start("a").ledger == {"ask:sure": b'{"state":"done","value":"of course"}'}


def test_of_several_questions_the_last_answer_queues_the_job(board: Board) -> None:
    board.wait(board.start(board.submit("a")), question("one"), question("two"))
    assert board.answer("a", "two") == (True, "waiting")
    assert [ask.name for ask in board.record("a").asks] == ["one"]
    assert board.answer("a", "one") == (True, "queued")


def test_an_answer_repeated_after_a_lost_reply_is_in_force_and_changes_nothing(board: Board) -> None:
    board.wait(board.start(board.submit("a")), question("one"), question("two"))
    board.answer("a", "one", by="ada")
    board.answer("a", "two", by="bob")
    told = board.log("a")
    assert board.answer("a", "one", by="ada") == (True, "queued")
    assert board.answer("a", "one", by="bob") == (False, "queued")
    assert board.log("a") == told


@pytest.mark.parametrize("name", ["another", "call:child"])
def test_what_was_not_asked_cannot_be_answered(board: Board, name: str) -> None:
    board.wait(board.start(board.submit("a")), question("one"))
    assert board.answer("a", name) == (False, "waiting")
    assert board.state("a") is JobState.WAITING


def test_a_job_that_does_not_wait_cannot_be_answered(board: Board) -> None:
    board.submit("a")
    assert board.answer("a", "one") == (False, "queued")
    assert board.answer("never", "one") == (False, "")


# Outcomes


def test_a_step_that_a_person_calls_done_is_in_the_ledger(board: Board) -> None:
    board.wait(board.start(board.submit("a")), outcome_of("pay"))
    assert board.settle("a", "outcome:pay", b'{"state":"done","value":7}') == (True, "queued")
    assert board.ledger("a") == {"step:pay": {"state": "done", "value": 7}}


def test_a_step_that_a_person_has_repeated_is_taken_out_of_the_ledger(board: Board) -> None:
    claim = board.start(board.submit("a"))
    board.run(board.transitions.remember(claim, "step:pay", b'{"state":"started"}'))
    board.wait(claim, outcome_of("pay"))
    assert board.settle("a", "outcome:pay", b"") == (True, "queued")
    assert board.ledger("a") == {}


def test_a_step_that_a_person_calls_failed_ends_the_job(board: Board) -> None:
    board.wait(board.start(board.submit("a")), outcome_of("pay"), question("sure"))
    failure = Failure(code="step_failed", message="it was refused")
    assert board.settle("a", "outcome:pay", b"", failure) == (True, "failed")
    assert board.settle("a", "outcome:pay", b"", failure) == (True, "failed")
    assert board.record("a").error == failure
    assert board.event_types("a")[-2:] == ["answered", "failed"]


# Time-outs


def test_a_question_that_nobody_answers_in_time_is_answered_by_its_rule(board: Board, clock: Clock) -> None:
    board.wait(board.start(board.submit("a")), question("sure", within_s=5, otherwise="no"))
    clock.advance(4.999)
    assert board.promote() == 0
    clock.advance(0.001)
    assert board.promote() == 1
    assert board.state("a") is JobState.QUEUED
    assert board.ledger("a") == {"ask:sure": {"state": "done", "value": "no"}}
    assert [event.data for event in board.events("a") if event.type == "answered"] == [
        {"name": "sure", "by": "time-out"}
    ]


def test_questions_run_out_of_time_each_at_its_own(board: Board, clock: Clock) -> None:
    asked = (question("slow", within_s=60), question("fast", within_s=5), question("patient"))
    board.wait(board.start(board.submit("a")), *asked)
    for seconds, left in ((5, {"slow", "patient"}), (54, {"slow", "patient"}), (1, {"patient"})):
        clock.advance(seconds)
        board.promote()
        assert {ask.name for ask in board.record("a").asks} == left
    clock.advance(1_000_000)
    assert board.promote() == 0
    assert board.state("a") is JobState.WAITING


def test_of_very_many_questions_some_are_given_up_by_one_call_and_the_rest_by_the_next(
    board: Board, clock: Clock
) -> None:
    board.wait(board.start(board.submit("a")), *(question(f"q{number}", within_s=60) for number in range(700)))
    board.wait(board.start(board.submit("b")), question(within_s=60))
    clock.advance(60)
    board.promote()
    assert (board.state("a"), board.state("b")) == (JobState.WAITING, JobState.WAITING)
    board.promote()
    assert (board.state("a"), board.state("b")) == (JobState.QUEUED, JobState.QUEUED)
    assert len(board.ledger("a")) == 700


def test_an_answer_in_time_stands_when_the_time_is_over(board: Board, clock: Clock) -> None:
    asked = (question("sure", within_s=5, otherwise="no"), question("slow", within_s=60, otherwise="no"))
    board.wait(board.start(board.submit("a")), *asked)
    board.answer("a", "sure", "yes")
    clock.advance(60)
    board.promote()
    assert {name: entry["value"] for name, entry in board.ledger("a").items()} == {"ask:sure": "yes", "ask:slow": "no"}


def test_an_answer_that_comes_too_late_is_refused(board: Board, clock: Clock) -> None:
    board.wait(board.start(board.submit("a")), question("sure", within_s=5, otherwise="no"))
    clock.advance(5)
    board.promote()
    assert board.answer("a", "sure", "yes") == (False, "queued")
    assert board.ledger("a")["ask:sure"]["value"] == "no"


# Remember and checkpoint


def test_what_an_attempt_remembers_comes_with_the_next_claim(board: Board) -> None:
    claim = board.start(board.submit("a"))
    for key in ("step:one", "step:two"):
        assert board.run(board.transitions.remember(claim, key, b'{"state":"done","value":1}'))
    assert board.run(board.transitions.checkpoint(claim, b'{"page":7}'))
    assert board.run(board.transitions.checkpoint(claim, b'{"page":8}'))
    board.lose("a")
    again = board.start("a")
    assert again.ledger.keys() == {"step:one", "step:two"}
    assert again.checkpoint == b'{"page":8}'


def test_a_step_is_told_once_however_often_it_is_written(board: Board) -> None:
    claim = board.start(board.submit("a"))
    for _ in range(2):
        assert board.run(board.transitions.remember(claim, "step:one", b'{"state":"done"}', b'{"key":"one"}'))
    assert [event.data for event in board.events("a") if event.type == "step"] == [{"key": "one"}]


def test_a_stale_attempt_remembers_nothing(board: Board) -> None:
    stale = board.start(board.submit("a"))
    board.lose("a")
    for _ in range(2):
        assert not board.run(board.transitions.remember(stale, "step:one", b'{"state":"done"}', b'{"key":"one"}'))
        assert not board.run(board.transitions.checkpoint(stale, b"1"))
        board.claim("a")
    assert board.ledger("a") == {}
    assert "step" not in board.event_types("a")
    assert not board.client.exists(board.keys.checkpoint("a"))


def test_what_a_job_remembers_is_kept_as_long_as_the_job(board: Board, client: redis.Redis) -> None:
    claim = board.start(board.submit("a"))
    board.run(board.transitions.remember(claim, "step:one", to_json({"state": "done"})))
    board.run(board.transitions.checkpoint(claim, b"1"))
    names = (board.keys.ledger("a"), board.keys.checkpoint("a"))
    board.fail(claim)
    assert client.exists(*names) == 2
    board.clock.advance(board.settings.retention_s)
    board.run(board.transitions.prune())
    assert client.exists(*names) == 0

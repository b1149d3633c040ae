"""Steering: a running job takes the message of a job that came into its conversation meanwhile, once and for good."""

from __future__ import annotations

from typing import Any

import pytest

from backdesk.worker.model.job import Claim, JobState
from backdesk.worker.store.jobs import SubmitCode
from tests.support.board import Board


def say(board: Board, job_id: str, **fields: Any) -> None:
    job = board.job(job_id, **{"conversation": "c-1"} | fields)
    assert board.run(board.transitions.submit([job])) == [(SubmitCode.CREATED, job_id)]


def start_next(board: Board) -> Claim:
    """Start the only job that is there to start."""
    (job_id,) = board.delivered()
    board.take_delivery()
    return board.start(job_id)


@pytest.fixture
def running(board: Board) -> Claim:
    """A job of the conversation that runs."""
    say(board, "first")
    return start_next(board)


def offered(board: Board, claim: Claim) -> list[str]:
    heard = board.run(board.transitions.steer(claim))
    assert heard is not None
    return [*heard.offered]


def take(board: Board, claim: Claim, *job_ids: str) -> list[str]:
    """Take messages; return those that the job has taken in all."""
    heard = board.run(board.transitions.steer(claim, job_ids))
    assert heard is not None
    return [message.job_id for message in heard.taken]


def test_a_message_is_taken_by_the_job_that_runs_and_its_own_job_ends_as_steered(board: Board, running: Claim) -> None:
    say(board, "second", when_busy="steer", request={"n": 7})
    assert offered(board, running) == ["second"]
    assert take(board, running, "second") == ["second"]
    steered, taker = board.record("second"), board.record("first")
    assert (steered.state, steered.steered_into) == (JobState.STEERED, "first")
    assert [(message.job_id, message.request) for message in taker.messages] == [("second", {"n": 7})]


def test_the_two_jobs_tell_of_each_other_in_their_events(board: Board, running: Claim) -> None:
    say(board, "second", when_busy="steer")
    take(board, running, "second")
    assert [(event.type, event.data) for event in board.events("first")][-1] == ("steering", {"job_id": "second"})
    assert [(event.type, event.data) for event in board.events("second")][-1] == ("steered", {"into": "first"})


def test_a_message_is_taken_once_however_often_it_is_asked_for(board: Board, running: Claim) -> None:
    say(board, "second", when_busy="steer")
    for _ in range(3):
        assert take(board, running, "second") == ["second"]
    assert [event.type for event in board.events("first")].count("steering") == 1


def test_what_was_taken_is_there_for_the_attempt_after_a_crash(board: Board, running: Claim) -> None:
    say(board, "second", when_busy="steer")
    take(board, running, "second")
    board.lose("first")
    again = start_next(board)
    assert (again.job_id, take(board, again)) == ("first", ["second"])


def test_an_attempt_that_has_lost_its_job_takes_nothing(board: Board, running: Claim) -> None:
    say(board, "second", when_busy="steer")
    board.lose("first")
    assert board.run(board.transitions.steer(running, ["second"])) is None
    assert board.state("second") is JobState.QUEUED


def test_a_message_that_nobody_took_is_the_next_job(board: Board, running: Claim) -> None:
    say(board, "second", when_busy="steer")
    board.succeed(running)
    claim = start_next(board)
    assert (claim.job_id, offered(board, claim)) == ("second", [])
    board.succeed(claim)
    assert not board.client.exists(board.keys.steering("acme", "c-1"))


def test_one_that_has_become_the_next_job_is_steered_by_those_behind_it(board: Board, running: Claim) -> None:
    for job_id in ("second", "third"):
        say(board, job_id, when_busy="steer")
    board.succeed(running)
    claim = start_next(board)
    assert take(board, claim, *offered(board, claim)) == ["third"]


def test_in_a_conversation_where_nothing_goes_on_it_is_a_job_as_any(board: Board) -> None:
    say(board, "first", when_busy="steer")
    claim = start_next(board)
    assert (claim.job_id, offered(board, claim)) == ("first", [])
    assert not board.client.exists(board.keys.steering("acme", "c-1"))


def test_only_what_was_meant_to_steer_is_offered_and_of_the_same_kind(board: Board, running: Claim) -> None:
    say(board, "waits")
    say(board, "other", when_busy="steer", kind="test.tool")
    say(board, "steers", when_busy="steer")
    assert offered(board, running) == ["steers"]
    assert take(board, running, "waits", "other", "steers") == ["steers"]


def test_what_was_cancelled_is_not_taken(board: Board, running: Claim) -> None:
    say(board, "second", when_busy="steer")
    board.run(board.transitions.cancel("second", "thought better of it"))
    assert take(board, running, "second") == []
    assert board.state("second") is JobState.CANCELLED


def test_a_job_that_is_asked_to_stop_takes_no_more(board: Board, running: Claim) -> None:
    say(board, "second", when_busy="steer")
    board.run(board.transitions.cancel("first", "not needed"))
    assert (offered(board, running), take(board, running, "second")) == ([], [])
    assert board.state("second") is JobState.QUEUED


def test_what_has_no_room_stays_the_next_job(board: Board, running: Claim) -> None:
    large = "x" * (board.settings.max_request_bytes // 2)
    for job_id in ("second", "third"):
        say(board, job_id, when_busy="steer", request=large)
    assert take(board, running, "second", "third") == ["second"]
    assert board.state("third") is JobState.QUEUED


def test_a_checkpoint_says_that_there_is_something_to_take(board: Board, running: Claim) -> None:
    def noted() -> str:
        return board.run(board.transitions.checkpoint(running, b"1")).name

    before = noted()
    say(board, "second", when_busy="steer")
    meanwhile = noted()
    take(board, running, "second")
    assert [before, meanwhile, noted()] == ["KEPT", "KEPT_AND_STEERED", "KEPT"]


@pytest.mark.parametrize("resumes", ["", 1])
def test_a_replay_has_the_messages_of_the_job_that_it_replays(board: Board, running: Claim, resumes: str | int) -> None:
    say(board, "second", when_busy="steer")
    take(board, running, "second")
    board.fail(running)
    say(board, "replay", conversation="", origin="first", resumes=resumes)
    assert [message.job_id for message in board.record("replay").messages] == ["second"]

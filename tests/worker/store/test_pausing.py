"""One job is paused: it waits when it next can, wherever it is, and goes on when that is taken back."""

from __future__ import annotations

import pytest

from backdesk.worker.model.asks import Pausing, pause_of
from backdesk.worker.model.job import HandedOver, JobState
from tests.support.board import Board, question

PAUSING = Pausing(by="ada", note="the ledger is moved").model_dump_json()


def halt(board: Board, job_id: str = "a", pausing: str = PAUSING) -> tuple[bool, str, bool]:
    return board.run(board.transitions.halt(job_id, pausing.encode()))


def stopping(board: Board) -> dict[str, str]:
    raw = board.client.hgetall(board.keys.stopping)
    return {key.decode(): value.decode() for key, value in raw.items()}  # type: ignore[union-attr]  # not a coroutine


def test_a_job_that_runs_is_asked_to_pause_and_waits_when_it_has(board: Board) -> None:
    claim = board.start(board.submit("a"))
    assert halt(board) == (True, "running", False)
    assert stopping(board) == {"a": f"pause:{PAUSING}"}
    assert board.wait(claim, pause_of(claim.attempt, PAUSING))
    record = board.record("a")
    assert (record.state, record.asks[0].prompt) == (
        JobState.WAITING,
        "Paused by ada: the ledger is moved. It goes on when it is resumed.",
    )
    assert stopping(board) == {}
    assert board.answer("a", "pause:1", "resume") == (True, "queued")
    assert board.start("a").pausing == ""


def test_a_job_that_does_not_run_learns_of_it_when_it_begins(board: Board) -> None:
    board.submit("a")
    assert halt(board) == (True, "queued", False)
    claim = board.start("a")
    assert claim.pausing == PAUSING
    board.wait(claim, pause_of(claim.attempt, claim.pausing))
    assert board.state("a") is JobState.WAITING


def test_one_that_was_resumed_before_it_has_paused_goes_on(board: Board) -> None:
    claim = board.start(board.submit("a"))
    halt(board)
    assert halt(board, pausing="") == (True, "running", True)
    assert stopping(board) == {}
    assert board.wait(claim, pause_of(claim.attempt, PAUSING)), "it has been asked already"
    assert board.state("a") is JobState.QUEUED


def test_what_waits_for_something_else_pauses_after_that(board: Board) -> None:
    board.wait(board.start(board.submit("a")), question())
    halt(board)
    board.answer("a", "sure")
    assert board.start("a").pausing == PAUSING


def test_a_question_beside_a_pause_is_asked_too(board: Board) -> None:
    claim = board.start(board.submit("a"))
    halt(board)
    board.wait(claim, question(), pause_of(claim.attempt, PAUSING))
    board.answer("a", "pause:1", "resume")
    assert board.state("a") is JobState.WAITING
    board.answer("a", "sure")
    assert board.state("a") is JobState.QUEUED


@pytest.mark.parametrize("ask", ["drain", "hand_over"])
def test_a_worker_that_ends_goes_before_and_the_next_attempt_pauses(board: Board, ask: str) -> None:
    claim = board.start(board.submit("a"))
    halt(board)
    board.run(board.transitions.stop("worker-1", ask, ["a"]))
    assert stopping(board) == {"a": ask}
    board.finish(claim, HandedOver())
    assert board.start("a").pausing == PAUSING


def test_one_that_was_lost_while_it_was_to_pause_pauses_in_its_next_attempt(board: Board) -> None:
    board.start(board.submit("a"))
    halt(board)
    board.lose("a")
    assert board.start("a").pausing == PAUSING


def test_a_paused_job_is_cancelled_as_any_other(board: Board) -> None:
    claim = board.start(board.submit("a"))
    halt(board)
    assert board.cancel("a", "enough") == (True, "running")
    assert stopping(board) == {"a": 'cancel:"enough"'}
    board.wait(claim, pause_of(claim.attempt, PAUSING))
    assert board.state("a") is JobState.CANCELLED


def test_what_has_ended_is_not_paused(board: Board) -> None:
    assert halt(board, "unknown") == (False, "", False)
    board.succeed(board.start(board.submit("a")))
    assert halt(board) == (False, "succeeded", False)

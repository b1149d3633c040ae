"""Jobs that call others: whoever ends first, results arrive once and nobody works for a parent that has ended."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backdesk.worker.model.job import Claim, HandedOver, JobState
from backdesk.worker.store.jobs import SubmitCode
from tests.support.board import NOON_MS, Board, Clock, end_of, question


def parent_of(board: Board, *children: str) -> Claim:
    """A running job that has called others, each under its own name."""
    claim = board.start(board.submit("parent"))
    for name in children:
        assert board.call(claim, name, name) == (SubmitCode.CREATED, name)
    return claim


# Calling


def test_a_job_that_is_called_names_its_parent(board: Board) -> None:
    parent_of(board, "child")
    assert board.record("child").parent == "parent"
    assert board.state("child") is JobState.QUEUED


def test_a_call_repeated_by_a_later_attempt_finds_the_child_of_the_first(board: Board) -> None:
    parent_of(board, "child")
    board.lose("parent")
    assert board.call(board.start("parent"), "child", "child") == (SubmitCode.EXISTING, "child")
    assert board.event_types("child") == ["queued"]


@pytest.mark.parametrize("leave", [Board.retry, Board.succeed, lambda board, _: board.lose("parent")])
def test_an_attempt_that_has_lost_its_fence_calls_nobody(board: Board, leave: Callable[[Board, Claim], object]) -> None:
    claim = parent_of(board)
    leave(board, claim)
    assert board.call(claim, "child", "child") == (SubmitCode.ORPHAN, "")
    assert board.find("child") is None


# Results


@pytest.mark.parametrize("state", ["running", "waiting", "queued"])
def test_the_end_of_a_child_comes_to_its_parent_wherever_that_is(board: Board, state: str) -> None:
    claim = parent_of(board, "child")
    if state == "waiting":
        board.wait(claim, end_of("child"))
    if state == "queued":
        board.lose("parent")
    assert board.state("parent") == state
    board.succeed(board.start("child"), {"n": 7})
    end = {"job_id": "child", "state": "succeeded", "result": {"n": 7}}
    assert board.ledger("parent") == {"call:child": {"state": "done", "value": end}}
    assert board.state("parent") == ("queued" if state == "waiting" else state)


def test_a_child_that_fails_is_told_with_its_reason(board: Board) -> None:
    board.wait(parent_of(board, "child"), end_of("child"))
    board.fail(board.start("child"), "no_stock", 'none "left"')
    end = board.ledger("parent")["call:child"]["value"]
    assert (end["state"], end["error"]["code"], end["error"]["message"]) == ("failed", "no_stock", 'none "left"')
    assert board.state("parent") is JobState.QUEUED


def test_a_parent_waits_for_all_its_children(board: Board) -> None:
    board.wait(parent_of(board, "one", "two"), end_of("one"), end_of("two"))
    board.succeed(board.start("two"))
    assert board.state("parent") is JobState.WAITING
    board.succeed(board.start("one"))
    assert board.state("parent") is JobState.QUEUED
    assert board.start("parent").ledger.keys() == {"call:one", "call:two"}


def test_a_child_that_ended_before_its_parent_waits_is_not_waited_for(board: Board) -> None:
    claim = parent_of(board, "quick", "slow")
    board.succeed(board.start("quick"))
    board.wait(claim, end_of("quick"), end_of("slow"))
    assert [ask.name for ask in board.record("parent").asks] == ["call:slow"]


def test_a_parent_whose_children_have_all_ended_already_is_queued_at_once(board: Board) -> None:
    claim = parent_of(board, "child")
    board.succeed(board.start("child"))
    board.wait(claim, end_of("child"))
    assert board.event_types("parent")[-1] == "queued"
    assert board.state("parent") is JobState.QUEUED


def test_a_parent_whose_child_redis_has_forgotten_before_it_waits_calls_it_again(board: Board) -> None:
    claim = parent_of(board, "kept")
    board.wait(claim, end_of("kept", of="kept"), end_of("forgotten", of="forgotten"))
    assert board.state("parent") is JobState.QUEUED

    again = board.start("parent")
    assert board.call(again, "kept", "kept") == (SubmitCode.EXISTING, "kept")
    assert board.call(again, "forgotten", "forgotten") == (SubmitCode.CREATED, "forgotten")
    board.wait(again, end_of("kept", of="kept"), end_of("forgotten", of="forgotten"))
    assert board.state("parent") is JobState.WAITING
    for child in ("kept", "forgotten"):
        board.succeed(board.start(child))
    assert board.state("parent") is JobState.QUEUED


def test_a_parent_waits_for_a_person_and_a_child_together(board: Board) -> None:
    board.wait(parent_of(board, "child"), question("sure"), end_of("child"))
    board.succeed(board.start("child"))
    assert board.state("parent") is JobState.WAITING
    assert board.answer("parent", "sure") == (True, "queued")


def test_nobody_but_the_child_can_answer_for_it(board: Board) -> None:
    board.wait(parent_of(board, "child"), end_of("child"))
    assert board.answer("parent", "call:child") == (False, "waiting")
    assert board.ledger("parent") == {}


def test_the_end_of_a_child_comes_once_though_its_attempt_repeats_it(board: Board) -> None:
    board.wait(parent_of(board, "child"), end_of("child"))
    claim = board.start("child")
    for _ in range(2):
        board.succeed(claim)
    assert board.event_types("parent").count("queued") == 2


def test_a_parent_that_has_ended_hears_no_more_of_its_children(board: Board) -> None:
    claim = parent_of(board, "child")
    board.succeed(claim)
    child = board.start("child")
    told = board.log("parent")
    assert board.succeed(child)
    assert (board.log("parent"), board.ledger("parent")) == (told, {})


def test_a_parent_that_was_forgotten_does_not_hold_up_its_child(board: Board, clock: Clock) -> None:
    board.succeed(parent_of(board, "child"))
    clock.advance(board.settings.retention_s)
    board.run(board.transitions.prune())
    assert board.find("parent") is None
    assert board.succeed(board.start("child"))


# The end of a parent


def ends_by_cancel(board: Board, claim: Claim) -> None:
    board.wait(claim, question())
    board.cancel("parent")


def ends_by_failure(board: Board, claim: Claim) -> None:
    board.fail(claim)


def ends_by_poison(board: Board, claim: Claim) -> None:
    board.lose("parent")
    for _ in range(board.settings.max_crashes - 1):
        board.start("parent")
        board.lose("parent")


@pytest.mark.parametrize("end", [ends_by_cancel, ends_by_failure, ends_by_poison])
def test_children_end_with_their_parent_and_theirs_with_them(board: Board, end: Callable[[Board, Claim], None]) -> None:
    claim = parent_of(board, "queued", "asking")
    board.call(claim, "parked", "parked", run_at_ms=NOON_MS + 1_000_000_000)
    asking = board.start("asking")
    board.call(asking, "grandchild", "grandchild")
    board.wait(asking, question())
    end(board, claim)
    children = ["queued", "asking", "parked", "grandchild"]
    assert {job_id: board.state(job_id) for job_id in children} == dict.fromkeys(children, JobState.CANCELLED)
    error = board.record("grandchild").error
    assert error is not None
    assert error.message == "its parent ended as cancelled"


def test_a_child_that_runs_is_asked_to_stop_when_its_parent_ends(board: Board) -> None:
    claim = parent_of(board, "child")
    board.start("child")
    board.fail(claim)
    assert board.record("child").cancelling
    assert board.client.hget(board.keys.stopping, "child") == b'cancel:"its parent ended as failed"'


def test_children_end_with_a_parent_whose_time_is_over(board: Board, clock: Clock) -> None:
    claim = board.start(board.submit("parent", expires_at_ms=NOON_MS + 5000))
    board.call(claim, "child", "child")
    board.wait(claim, end_of("child"))
    clock.advance(5)
    board.expire()
    assert (board.state("parent"), board.state("child")) == (JobState.EXPIRED, JobState.CANCELLED)


@pytest.mark.parametrize("leave", [Board.succeed, Board.retry, lambda board, claim: board.finish(claim, HandedOver())])
def test_children_go_on_while_their_parent_goes_on_or_has_succeeded(
    board: Board, leave: Callable[[Board, Claim], object]
) -> None:
    claim = parent_of(board, "child")
    leave(board, claim)
    assert board.state("child") is JobState.QUEUED


# Replays


def test_a_replay_that_resumes_has_what_its_origin_had_finished_and_outlives_it(board: Board, clock: Clock) -> None:
    claim = board.start(board.submit("dead"))
    board.run(board.transitions.remember(claim, "step:one", b'{"state":"done","value":1}'))
    board.run(board.transitions.checkpoint(claim, b'"page 7"'))
    board.fail(claim)
    board.submit("again", origin="dead", resumes=True)
    assert (board.record("again").origin, board.record("dead").replayed_as) == ("dead", "again")
    again = board.start("again")
    assert (again.ledger, again.checkpoint) == ({"step:one": b'{"state":"done","value":1}'}, b'"page 7"')
    clock.advance(board.settings.retention_s)
    board.run(board.transitions.prune())
    assert board.ledger("again").keys() == {"step:one"}


def test_idempotency_keys_of_a_replay_that_resumes_are_those_of_the_first_job(board: Board) -> None:
    board.fail(board.start(board.submit("first")))
    board.submit("second", origin="first", resumes=True)
    second = board.start("second")
    board.fail(second)
    board.submit("third", origin="second", resumes=True)
    assert (second.root, board.start("third").root) == ("first", "first")


def test_a_replay_from_the_start_is_a_job_of_its_own(board: Board) -> None:
    claim = board.start(board.submit("dead"))
    board.run(board.transitions.remember(claim, "step:one", b'{"state":"done"}'))
    board.fail(claim)
    board.submit("again", origin="dead")
    again = board.start("again")
    assert (again.ledger, again.checkpoint, again.root) == ({}, b"", "again")
    assert board.record("dead").replayed_as == "again"


def test_a_replay_of_a_job_that_is_gone_meanwhile_begins_anew(board: Board) -> None:
    board.submit("again", origin="gone", resumes=True)
    assert board.start("again").root == "again"
    assert board.find("gone") is None


# Dropping dead letters


def test_only_dead_letters_are_dropped(board: Board) -> None:
    board.fail(board.start(board.submit("dead", idempotency_key="k")))
    board.succeed(board.start(board.submit("well")))
    board.start(board.submit("running"))
    ids = ["dead", "well", "running", "never", "dead"]
    assert board.run(board.transitions.drop(ids)) == 1
    assert [board.find(job_id) is None for job_id in ids] == [True, False, False, True, True]
    assert board.submit("anew", idempotency_key="k") == "anew"

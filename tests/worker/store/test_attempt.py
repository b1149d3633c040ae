"""Renew, emit and finish: what an attempt may write while it holds its fence, and nothing once it has lost it."""

from __future__ import annotations

import json

import redis

from backdesk.worker.failure import Failure
from backdesk.worker.model.job import Claim, Failed, JobState, Succeeded, Usage
from backdesk.worker.settings import Settings
from backdesk.worker.store.attempts import load_scripts
from backdesk.worker.store.scripts import linked
from tests.support.board import Board, Clock
from tests.support.listening import heard, listening

HOUR_S = 3600


def taken_over(board: Board, job_id: str = "a") -> tuple[Claim, Claim]:
    """An attempt that was given up for lost, and the one that runs now."""
    stale = board.start(board.submit(job_id))
    board.lose(job_id)
    return stale, board.start(job_id)


# Renew


def test_a_renewed_lease_is_not_taken_back(board: Board, clock: Clock) -> None:
    claim = board.start(board.submit("a"))
    for _ in range(10):
        clock.advance(board.settings.lease_s * 0.9)
        assert board.run(board.transitions.renew([("a", claim.fence)])) == [0]
        assert board.reap() == []


def test_renewing_tells_how_many_follow_the_job(board: Board) -> None:
    claim = board.start(board.submit("a"))
    channel = board.keys.progress("a")
    with listening(board.client, channel), listening(board.client, channel):
        assert board.run(board.transitions.renew([("a", claim.fence)])) == [2]


def test_a_lost_attempt_learns_it_from_its_renewal_and_the_others_go_on(board: Board) -> None:
    stale, current = taken_over(board)
    other = board.start(board.submit("b"))
    attempts = [("a", stale.fence), ("a", current.fence), ("b", other.fence), ("never", "none")]
    assert board.run(board.transitions.renew(attempts)) == [None, 0, 0, None]


def test_a_lease_that_ran_out_and_was_not_taken_back_can_be_renewed(board: Board, clock: Clock) -> None:
    claim = board.start(board.submit("a"))
    clock.advance(board.settings.lease_s * 5)
    assert board.run(board.transitions.renew([("a", claim.fence)])) == [0]
    assert board.reap() == []


def test_renewing_a_stale_attempt_does_not_prolong_the_lease(board: Board, clock: Clock) -> None:
    stale, _ = taken_over(board)
    clock.advance(board.settings.lease_s + 1)
    board.run(board.transitions.renew([("a", stale.fence)]))
    assert board.reap() == ["a"]


# Emit


def test_an_event_of_a_body_carries_its_data_and_attempt(board: Board) -> None:
    claim = board.start(board.submit("a"))
    assert board.emit(claim, "progress", data={"fraction": 0.5, "message": "half"}) == 0
    event = board.events("a")[-1]
    assert (event.type, event.attempt, event.data) == ("progress", 1, {"fraction": 0.5, "message": "half"})


def test_emitting_tells_how_many_follow_the_job(board: Board) -> None:
    claim = board.start(board.submit("a"))
    with listening(board.client, board.keys.progress("a")):
        assert board.emit(claim, "progress") == 1


def test_who_waits_for_the_end_or_listens_to_a_tenant_or_a_pattern_follows_no_job(board: Board) -> None:
    keys = board.keys
    board.submit("a")
    with (
        listening(board.client, keys.ended("a")) as waiting,
        listening(board.client, keys.tenant_progress("acme")),
        listening(board.client, pattern=keys.progress("*")),
    ):
        claim = board.start("a")
        assert claim.watchers == 0
        assert board.emit(claim, "progress") == 0
        assert board.run(board.transitions.renew([("a", claim.fence)])) == [0]
        board.succeed(claim)
        assert [message["data"] for message in heard(waiting, 1)] == [b"succeeded"]


def test_an_emit_repeated_after_a_lost_answer_writes_nothing_twice(board: Board) -> None:
    claim = board.start(board.submit("a"))
    board.emit(claim, "note.one", "note.two", first=0)
    board.emit(claim, "note.one", "note.two", first=0)
    board.emit(claim, "note.two", "note.three", first=1)
    assert board.event_types("a") == ["queued", "started", "note.one", "note.two", "note.three"]


def test_the_events_of_a_second_attempt_are_counted_anew(board: Board) -> None:
    claim = board.start(board.submit("a"))
    board.emit(claim, "note.one", "note.two")
    board.lose("a")
    board.emit(board.start("a"), "note.again")
    assert board.event_types("a")[-1] == "note.again"


def test_a_stale_attempt_can_emit_nothing(board: Board) -> None:
    stale, _ = taken_over(board)
    before = board.log("a")
    assert board.emit(stale, "note") is None
    assert board.log("a") == before


def test_an_attempt_that_was_given_up_can_emit_nothing_even_before_the_next_begins(board: Board) -> None:
    claim = board.start(board.submit("a"))
    board.lose("a")
    assert board.emit(claim, "note") is None
    assert board.event_types("a") == ["queued", "started", "retrying"]


def test_after_the_end_nothing_can_be_emitted(board: Board) -> None:
    claim = board.start(board.submit("a"))
    board.succeed(claim)
    assert board.emit(claim, "note") is None
    assert board.event_types("a")[-1] == "succeeded"


# Finish


def test_a_result_ends_the_job(board: Board, clock: Clock) -> None:
    claim = board.start(board.submit("a"))
    clock.advance(2)
    assert board.finish(claim, Succeeded(b'{"text":"done"}'), Usage(requests=2, input_tokens=30))
    record = board.record("a")
    assert (record.state, record.result, record.error) == (JobState.SUCCEEDED, {"text": "done"}, None)
    assert record.usage == Usage(requests=2, input_tokens=30)
    assert record.finished_at is not None
    assert record.started_at is not None
    assert (record.finished_at - record.started_at).total_seconds() == 2
    assert board.events("a")[-1].data == {"result": {"text": "done"}}


def test_a_failure_ends_the_job_with_its_reason(board: Board) -> None:
    failure = Failure(code="no_stock", message='none "left"', category="validation", fields={"n": "too many"})
    claim = board.start(board.submit("a"))
    assert board.finish(claim, Failed(failure))
    record = board.record("a")
    assert (record.state, record.result, record.error) == (JobState.FAILED, None, failure)
    assert board.events("a")[-1].data == failure.model_dump()


def test_a_result_too_large_for_an_event_is_left_out_of_it_and_kept_in_the_record(board: Board) -> None:
    large = "x" * (board.settings.max_event_bytes + 1)
    board.succeed(board.start(board.submit("a")), large)
    assert board.events("a")[-1].data == {"result_omitted": True}
    assert board.record("a").result == large


def test_a_finish_repeated_after_a_lost_answer_changes_nothing(board: Board) -> None:
    claim = board.start(board.submit("a"))
    assert board.succeed(claim, "first")
    assert board.succeed(claim, "second")
    assert board.record("a").result == "first"
    assert board.event_types("a") == ["queued", "started", "succeeded"]


def test_another_outcome_after_the_end_is_refused(board: Board) -> None:
    claim = board.start(board.submit("a"))
    assert board.succeed(claim)
    assert not board.fail(claim)
    assert board.state("a") is JobState.SUCCEEDED


def test_a_stale_attempt_cannot_end_the_job(board: Board) -> None:
    stale, current = taken_over(board)
    assert not board.succeed(stale, "stale")
    assert board.state("a") is JobState.RUNNING
    assert board.succeed(current, "current")
    assert board.record("a").result == "current"


def test_an_attempt_that_was_given_up_cannot_end_the_job_even_before_the_next_begins(board: Board) -> None:
    claim = board.start(board.submit("a"))
    board.lose("a")
    assert not board.succeed(claim)
    assert board.state("a") is JobState.QUEUED


def test_an_attempt_at_a_job_that_became_poison_is_told_that_its_failure_was_not_kept(
    client: redis.Redis, settings: Settings, clock: Clock
) -> None:
    board = Board(client, settings.model_copy(update={"max_crashes": 1}), clock)
    claim = board.start(board.submit("a"))
    board.lose("a")
    assert board.state("a") is JobState.FAILED
    assert not board.fail(claim, code="late")
    error = board.record("a").error
    assert error is not None
    assert error.code == "poison"


def test_a_job_that_is_gone_cannot_be_ended(board: Board) -> None:
    claim = Claim("never", "test.echo", "acme", "agents", 1, "fence", b"", {}, None, 0)
    assert not board.succeed(claim)


def test_nothing_of_a_job_expires_by_itself_so_that_pruning_knows_what_it_takes_out(
    board: Board, client: redis.Redis
) -> None:
    claim = board.start(board.submit("a", idempotency_key="k"))
    keys = (board.keys.job("a"), board.keys.events("a"), board.keys.idempotency("acme", "k"))
    assert [client.ttl(key) for key in keys] == [-1, -1, -1]
    assert client.zscore(board.keys.forgetting, "a") is None
    board.succeed(claim)
    assert [client.ttl(key) for key in keys] == [-1, -1, -1]
    assert client.zscore(board.keys.forgetting, "a") is not None


def test_every_entry_of_a_log_is_json_whatever_the_body_put_in(board: Board) -> None:
    claim = board.start(board.submit("a", kind="test.echo"))
    board.emit(claim, "note", data={"text": 'a "quote", a \\ and a\nnew line', "more": "\u2028"})
    board.fail(claim, message='broke at "x"\n')
    assert [len(json.loads(entry)) for entry in board.log("a")] == [4, 4, 4, 3]


def test_what_every_attempt_runs_is_read_before_the_first_one(board: Board) -> None:
    job_id = board.submit()
    linked.cache_clear()
    load_scripts()
    read = linked.cache_info().misses
    claim = board.start(job_id)
    board.run(board.transitions.renew([(job_id, claim.fence)]))
    board.succeed(claim)
    assert linked.cache_info().misses == read

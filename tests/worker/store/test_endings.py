"""What is kept of a job that has ended, where, and for how long."""

from __future__ import annotations

import json
from typing import Any

import redis
from pydantic_core import to_json

from backdesk.worker.model.job import Claim, JobState, Succeeded, Usage
from backdesk.worker.store.scripts import run
from backdesk.worker.store.terms import Terms
from tests.support.board import Board, Clock

DAY_S = 86_400


def worked(board: Board, job_id: str = "a", **fields: Any) -> Claim:
    """An attempt that has finished a step, has a checkpoint and has spent something."""
    claim = board.start(board.submit(job_id, **fields))
    event = to_json({"key": "refund", "effect": "unsafe", "seconds": 0.1})
    board.run(board.transitions.remember(claim, "step:refund", b'{"state":"done","value":"R-1"}', event))
    board.run(board.transitions.checkpoint(claim, b'"page 7"'))
    board.reserve(claim, in_any_case=True, tokens=80)
    return claim


def workings(board: Board, job_id: str = "a") -> set[str]:
    """What is there of that which attempts leave for later ones."""
    names = ("ledger", "checkpoint", "spent")
    return {name for name in names if board.client.exists(getattr(board.keys, name)(job_id))}


def kept_for_s(board: Board, job_id: str) -> float:
    moment: Any = board.client.zscore(board.keys.forgetting, job_id)
    return float(moment - board.clock.now_ms) / 1000


# Where


def test_what_only_a_later_attempt_needs_goes_when_a_job_succeeds(board: Board) -> None:
    claim = worked(board)
    board.book(claim, tokens=30)
    assert workings(board) == {"ledger", "checkpoint", "spent"}
    board.succeed(claim)
    assert workings(board) == {"spent"}


def test_the_log_goes_on_telling_what_a_job_that_succeeded_has_done(board: Board) -> None:
    board.succeed(worked(board))
    (step,) = [event for event in board.events("a") if event.type == "step"]
    assert (step.data["key"], step.data["effect"]) == ("refund", "unsafe")


def test_what_a_job_has_spent_is_kept(board: Board) -> None:
    claim = worked(board)
    board.book(claim, tokens=30)
    board.succeed(claim)
    assert board.spent("a").tokens == 30


def test_a_call_that_is_still_under_way_when_its_job_succeeds_can_be_settled(board: Board) -> None:
    claim = worked(board)
    board.succeed(claim)
    assert workings(board) == {"spent"}
    assert board.book(claim, tokens=30)
    assert board.spent("a").tokens == 30


def test_a_job_that_failed_keeps_all_that_a_replay_goes_on_from(board: Board) -> None:
    board.fail(worked(board))
    assert workings(board) == {"ledger", "checkpoint", "spent"}
    again = board.start(board.submit("again", origin="a", resumes=True))
    assert ([*again.ledger], again.checkpoint) == (["step:refund"], b'"page 7"')


def test_a_job_that_was_cancelled_still_tells_of_a_step_whose_outcome_nobody_knows(board: Board) -> None:
    claim = board.start(board.submit("a"))
    board.run(board.transitions.remember(claim, "step:refund", b'{"state":"started"}'))
    board.lose("a")
    board.cancel("a")
    assert board.ledger("a") == {"step:refund": {"state": "started"}}


def test_a_result_is_kept_once_and_told_by_the_record_and_by_the_log(board: Board) -> None:
    board.succeed(board.start(board.submit("a")), {"answer": "x" * 1000})
    assert len(board.log("a")[-1]) < 50
    last = board.events("a")[-1]
    assert (last.type, last.data) == ("succeeded", {"result": {"answer": "x" * 1000}})
    assert board.record("a").result == {"answer": "x" * 1000}


def test_an_error_is_kept_once_and_told_by_the_record_and_by_the_log(board: Board) -> None:
    board.fail(board.start(board.submit("a")), code="broken", message="y" * 1000)
    assert len(board.log("a")[-1]) < 50
    last, record = board.events("a")[-1], board.record("a")
    assert record.error is not None
    assert (last.type, last.data["message"]) == ("failed", record.error.message)


def test_a_result_that_is_too_long_for_an_event_is_told_by_the_record_alone(board: Board) -> None:
    board.succeed(board.start(board.submit("a")), "x" * board.settings.max_event_bytes)
    assert board.events("a")[-1].data == {"result_omitted": True}


def test_what_all_events_of_a_job_have_in_common_is_in_its_record_alone(board: Board) -> None:
    board.start(board.submit("a"))
    assert [json.loads(entry)[2:] for entry in board.log("a")] == [
        ["queued", {"queue": "agents", "priority": 5}],
        ["started", {"worker": "worker-1"}],
    ]


def test_an_end_that_is_repeated_after_a_lost_answer_is_known(board: Board) -> None:
    claim = worked(board)
    end = board.transitions.end(claim, Succeeded(b'"done"'), Usage())
    assert [run(board.client, end), run(board.client, end)] == [True, True]
    assert board.event_types("a").count("succeeded") == 1


def test_a_no_op_that_has_succeeded_takes_no_more_than_a_kilobyte_and_a_half(board: Board, client: redis.Redis) -> None:
    board.announce(agents=100)

    def used() -> int:
        for job_id in board.submit_many(100, request={"n": 1}):
            board.take_delivery()
            board.succeed(board.start(job_id), {"n": 1})
        return sum(int(client.memory_usage(key, samples=0) or 0) for key in client.scan_iter(count=1000))

    few, many = used(), used()
    # Redis before 7.2, as which Valkey counts, takes a tenth more for the same.
    older = client.info("server")["redis_version"] < "7.2"
    assert (many - few) / 100 <= (1750 if older else 1536)


# For how long


def test_a_job_that_succeeded_is_kept_for_a_day_and_any_other_for_a_week(board: Board) -> None:
    board.succeed(board.start(board.submit("good")))
    board.fail(board.start(board.submit("bad")))
    board.submit("unwanted")
    board.cancel("unwanted")
    assert [kept_for_s(board, job_id) / DAY_S for job_id in ("good", "bad", "unwanted")] == [1, 7, 7]


def test_the_kind_of_a_job_may_say_for_how_long_it_is_kept_when_it_succeeds(board: Board) -> None:
    def start(job_id: str, kept_s: float) -> Claim:
        claim = board.run(board.transitions.claim(board.submit(job_id), "worker-1", job_id, Terms(kept_s=kept_s)))
        assert isinstance(claim, Claim)
        return claim

    board.succeed(start("brief", 60))
    board.fail(start("brief-and-failed", 60))
    board.succeed(start("long", 90 * DAY_S))
    board.fail(start("long-and-failed", 90 * DAY_S))
    kept = [kept_for_s(board, job_id) for job_id in ("brief", "brief-and-failed", "long", "long-and-failed")]
    assert kept == [60, 7 * DAY_S, 90 * DAY_S, 90 * DAY_S]


def test_each_is_forgotten_in_its_own_time(board: Board, clock: Clock) -> None:
    board.succeed(board.start(board.submit("good")))
    board.fail(board.start(board.submit("bad")))
    clock.advance(board.settings.succeeded_retention_s)
    assert board.run(board.transitions.prune()) == 1
    assert board.find("good") is None
    assert board.state("bad") is JobState.FAILED

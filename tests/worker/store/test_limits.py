"""Time limits and requests to stop: what ends a job, when, and under which name."""

from __future__ import annotations

import pytest
import redis
from pydantic_core import from_json, to_json

from backdesk.worker.failure import Failure
from backdesk.worker.model.job import Cancelled, Claim, JobState, Refused, Succeeded, Usage
from backdesk.worker.model.retry import RetryPolicy
from backdesk.worker.store.moments import moment
from tests.support.board import NOON_MS, Board, Clock, question

#: The same as in record.lua.
STOP_GRACE_S = 10


# To have begun, and to be done


@pytest.mark.parametrize(
    ("start_by_s", "expires_s", "code"), [(1, None, "not_started"), (1, 5, "not_started"), (5, 1, "expired")]
)
def test_a_job_that_has_not_begun_ends_at_the_nearer_of_its_limits(
    board: Board, clock: Clock, start_by_s: int, expires_s: int | None, code: str
) -> None:
    expires_at_ms = None if expires_s is None else NOON_MS + 1000 * expires_s
    board.submit("a", start_by_ms=NOON_MS + 1000 * start_by_s, expires_at_ms=expires_at_ms)
    board.submit("b", start_by_ms=NOON_MS + 1000 * start_by_s, expires_at_ms=expires_at_ms)
    clock.advance(0.999)
    assert board.expire() == 0
    clock.advance(0.001)
    refused = board.claim("b")
    assert board.expire() == 1
    assert isinstance(refused, Refused)
    assert refused.failure is not None
    assert (board.state("a"), board.code_of("a"), refused.failure.code) == (JobState.EXPIRED, code, code)


def test_a_job_that_has_begun_once_has_begun_in_time(board: Board, clock: Clock) -> None:
    board.submit("a", start_by_ms=NOON_MS + 1000)
    board.start("a")
    board.lose("a")
    clock.advance(100)
    board.expire()
    assert isinstance(board.claim("a"), Claim)


@pytest.mark.parametrize("state", ["scheduled", "queued", "waiting"])
def test_a_job_whose_time_is_over_expires_wherever_it_is(board: Board, clock: Clock, state: str) -> None:
    claim = board.start(board.submit("a", expires_at_ms=NOON_MS + 5000))
    {"scheduled": lambda: board.retry(claim, 60), "waiting": lambda: board.wait(claim, question())}.get(
        state, lambda: board.lose("a")
    )()
    assert board.state("a") == state
    clock.advance(5)
    board.expire()
    assert (board.state("a"), board.code_of("a")) == (JobState.EXPIRED, "expired")


def test_a_running_job_has_time_to_stop_when_its_own_is_over(board: Board, clock: Clock) -> None:
    claim = board.start(board.submit("a", expires_at_ms=NOON_MS + 5000))
    clock.advance(5 + STOP_GRACE_S - 0.001)
    board.expire()
    assert board.state("a") is JobState.RUNNING
    clock.advance(0.001)
    board.expire()
    assert (board.state("a"), board.code_of("a")) == (JobState.EXPIRED, "expired")
    assert not board.succeed(claim)


# To stop


@pytest.mark.parametrize("state", ["scheduled", "queued", "waiting"])
def test_a_job_that_does_not_run_is_cancelled_at_once(board: Board, state: str) -> None:
    claim = board.start(board.submit("a"))
    {"scheduled": lambda: board.retry(claim, 60), "waiting": lambda: board.wait(claim, question())}.get(
        state, lambda: board.lose("a")
    )()
    assert board.cancel("a", "enough") == (True, "cancelled")
    assert board.event_types("a")[-1] == "cancelled"


def test_a_job_whose_attempt_does_not_stop_is_ended_without_it(board: Board, clock: Clock) -> None:
    claim = board.start(board.submit("a"))
    board.cancel("a", "enough")
    clock.advance(STOP_GRACE_S - 0.001)
    board.run(board.transitions.renew([("a", claim.fence)]))
    board.expire()
    assert board.state("a") is JobState.RUNNING
    clock.advance(0.001)
    board.expire()
    record = board.record("a")
    assert (record.state, record.error and record.error.message) == (JobState.CANCELLED, "enough")
    assert board.run(board.transitions.renew([("a", claim.fence)])) == [None]


def test_the_first_reason_to_stop_stands_and_sets_the_time(board: Board, clock: Clock) -> None:
    board.start(board.submit("a"))
    board.cancel("a", "first")
    clock.advance(STOP_GRACE_S / 2)
    assert board.cancel("a", "second") == (True, "running")
    clock.advance(STOP_GRACE_S / 2)
    board.expire()
    error = board.record("a").error
    assert error is not None
    assert error.message == "first"


def test_an_attempt_that_ends_well_though_asked_to_stop_has_ended_well(board: Board) -> None:
    claim = board.start(board.submit("a"))
    board.cancel("a")
    assert board.finish(claim, Succeeded(b"1"))
    assert board.cancel("a") == (False, "succeeded")


def test_a_job_that_lost_its_worker_while_it_was_to_stop_is_cancelled(board: Board) -> None:
    board.start(board.submit("a"))
    board.cancel("a", "enough")
    board.lose("a")
    assert board.state("a") is JobState.CANCELLED
    assert board.event_types("a") == ["queued", "started", "cancelled"]


def test_the_request_to_stop_is_gone_with_the_attempt(board: Board, client: redis.Redis) -> None:
    claim = board.start(board.submit("a"))
    board.cancel("a")
    board.finish(claim, Cancelled(Failure(code="cancelled", message="enough")))
    assert not client.exists(board.keys.stopping)


# To leave


def asked(board: Board) -> dict[str, str]:
    requests: dict[bytes, bytes] = board.client.hgetall(board.keys.stopping)  # type: ignore[assignment]  # bytes here
    return {job_id.decode(): request.decode() for job_id, request in requests.items()}


def stop(board: Board, ask: str, *job_ids: str) -> int:
    return board.run(board.transitions.stop("worker-1", ask, job_ids))


def test_attempts_are_asked_to_drain_and_then_to_hand_over(board: Board) -> None:
    board.start(board.submit("a"))
    board.submit("b")
    board.succeed(board.start(board.submit("c")))
    board.start(board.submit("d"), "worker-2")
    assert stop(board, "drain", "a", "b", "c", "d", "never") == 1
    assert asked(board) == {"a": "drain"}
    assert stop(board, "hand_over", "a") == 1
    assert stop(board, "drain", "a") == 1
    assert asked(board)["a"] == "hand_over"


def test_a_request_to_cancel_stands_above_one_to_leave(board: Board) -> None:
    for job_id in ("a", "b"):
        board.start(board.submit(job_id))
    stop(board, "hand_over", "a")
    for job_id in ("a", "b"):
        board.cancel(job_id, "enough")
    stop(board, "hand_over", "a", "b")
    assert asked(board) == {"a": 'cancel:"enough"', "b": 'cancel:"enough"'}


def test_a_request_to_leave_does_not_outlive_the_attempt(board: Board) -> None:
    board.start(board.submit("a"))
    stop(board, "drain", "a")
    board.lose("a")
    assert asked(board) == {}


# Poison


def test_a_dead_letter_names_the_worker_that_the_job_took_down_last(board: Board) -> None:
    board.submit("a")
    for number in range(board.settings.max_crashes):
        board.start("a", f"worker-{number}")
        board.lose("a")
    error = board.record("a").error
    assert error is not None
    assert (error.code, error.severity) == ("poison", "critical")
    assert error.message == "its worker was lost 3 times while running it, at last worker-2"
    assert board.record("a").crashes == 3


# The claim


def test_a_claim_brings_everything_that_an_attempt_needs(board: Board, clock: Clock) -> None:
    policy = RetryPolicy(attempts=7)
    fields = {"expires_at_ms": NOON_MS + 60_000, "timeout_ms": 1500, "retry": policy, "priority": 8}
    board.submit("a", metadata=b'{"ticket":7}', request={"n": 1}, tenant="globex", **fields)
    board.retry(board.start("a"), 10)
    clock.advance(10)
    board.promote()
    claim = board.start("a")
    assert claim == Claim(
        job_id="a",
        kind="test.echo",
        tenant="globex",
        queue="agents",
        attempt=2,
        fence=claim.fence,
        request=b'{"n":1}',
        metadata={"ticket": 7},
        usage=Usage(),
        expires_at=moment(NOON_MS + 60_000),
        watchers=0,
        priority=8,
        expires_in_s=50.0,
        timeout_s=1.5,
        failures=1,
        retry=policy,
        root="a",
        checkpoint=b"",
        ledger={},
    )


def test_a_refusal_repeated_after_a_lost_answer_gives_the_same_reason(board: Board, clock: Clock) -> None:
    board.submit("a", delivery=b'{"headers":{"id":"a"}}')
    board.submit("b", delivery=b'{"headers":{"id":"b"}}', expires_at_ms=NOON_MS + 1000)
    board.cancel("a")
    clock.advance(1)
    for job_id in ("a", "b"):
        first, repeated, another = (board.claim(job_id, fence=fence) for fence in ("t-1", "t-1", "t-2"))
        assert first == repeated == Refused(board.record(job_id).error)
        assert another == Refused(None)


# Deliveries that are given back


def redeliver(board: Board, job_id: str, *, unknown_kind: bool = False) -> bool:
    return board.run(board.transitions.redeliver(job_id, unknown_kind=unknown_kind))


def test_a_delivery_that_is_given_back_is_made_again(board: Board) -> None:
    board.submit("a")
    board.take_delivery()
    assert redeliver(board, "a")
    assert board.delivered() == ["a"]


def test_there_is_nothing_to_give_back_of_a_job_that_runs_or_has_ended(board: Board) -> None:
    claim = board.start(board.submit("a"))
    board.take_delivery()
    assert not redeliver(board, "a")
    board.succeed(claim)
    assert not redeliver(board, "a")
    assert not redeliver(board, "never")
    assert board.delivered() == []


def test_the_word_for_a_sender_is_given_back_too(board: Board) -> None:
    board.submit("a", delivery=b'{"headers":{"id":"a"}}')
    board.take_delivery()
    board.cancel("a")
    assert board.take_delivery() == "a"
    assert redeliver(board, "a")
    assert board.take_delivery() == "a"
    assert board.claim("a") == Refused(board.record("a").error)
    assert not redeliver(board, "a")


def announce(board: Board, *kinds: str, **slots: int) -> None:
    board.run(board.transitions.announce("worker-1", 6000, {"slots": slots, "kinds": kinds}))


def test_a_job_of_an_unknown_kind_makes_room_until_a_worker_announces_its_kind(board: Board) -> None:
    announce(board, agents=1)
    board.submit("a", kind="test.new")
    others = board.submit_many(3)
    assert board.take_delivery() == "a"
    for _ in range(2):
        redeliver(board, "a", unknown_kind=True)
    announce(board, "test.echo", agents=1)
    assert [board.run_next() for _ in range(4)] == [*others, None]
    announce(board, "test.echo", "test.new", agents=1)
    assert board.run_next() == "a"


def test_a_job_of_a_kind_that_others_know_goes_round_some_times_before_it_waits(board: Board) -> None:
    announce(board, "test.new", agents=1)
    board.submit("a", kind="test.new")
    for _ in range(7):
        assert board.take_delivery() == "a"
        redeliver(board, "a", unknown_kind=True)
    assert board.take_delivery() == "a"
    redeliver(board, "a", unknown_kind=True)
    assert board.delivered() == []
    announce(board, "test.new", agents=1)
    assert board.run_next() == "a"


def test_a_stranded_job_whose_queue_nobody_serves_waits_for_the_queue_too(board: Board) -> None:
    board.submit("a", kind="test.new", queue="tools")
    board.take_delivery("tools")
    redeliver(board, "a", unknown_kind=True)
    announce(board, "test.new", agents=1)
    assert board.delivered("tools") == []
    announce(board, "test.new", agents=1, tools=1)
    assert board.delivered("tools") == ["a"]


def test_a_stranded_job_can_be_cancelled_and_can_expire(board: Board, clock: Clock) -> None:
    for job_id in ("a", "b"):
        board.submit(job_id, expires_at_ms=NOON_MS + 1000)
        board.take_delivery()
        redeliver(board, job_id, unknown_kind=True)
    board.cancel("a")
    clock.advance(1)
    board.expire()
    assert (board.state("a"), board.state("b")) == (JobState.CANCELLED, JobState.EXPIRED)


def test_a_policy_of_a_job_is_kept_as_it_was_sent(board: Board, client: redis.Redis) -> None:
    policy = RetryPolicy(attempts=2, jitter=False)
    board.submit("a", retry=policy)
    assert from_json(client.hget(board.keys.job("a"), "retry") or b"") == from_json(to_json(policy))
    assert board.record("a").retry == policy

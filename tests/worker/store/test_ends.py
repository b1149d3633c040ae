"""What the ends of jobs come to by minute and so far: each counted once, in bounded room, and never lost in between."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from backdesk.worker.failure import Failure
from backdesk.worker.memory.ends import BOUNDS_S, OTHERS, Ends, EndsCalls, Group, Times
from backdesk.worker.model.job import JobState, Succeeded, Usage
from tests.support.board import NOON_MS, Board

MINUTE = NOON_MS // 60_000
#: Fields of `ends` beyond which they are sorted, and queues with a kind of a minute and in all: as in `ends.lua`.
MOST_UNSORTED, MOST_OF_MINUTE, MOST_IN_ALL = 128, 200, 1000
ECHO = ("agents", "test.echo")


def series(board: Board, first: int = MINUTE, count: int = 1) -> dict[Group, Ends]:
    told: dict[Group, Ends] = {}
    for _, group, ends in board.run(EndsCalls(board.settings, board.clock).series(first, count)):
        told.setdefault(group, Ends()).add(ends)
    return told


def totals(board: Board) -> dict[Group, Ends]:
    return board.run(EndsCalls(board.settings, board.clock).totals())


def run(board: Board, *, waits: float = 0, runs: float = 0, usage: Usage | None = None, **job: Any) -> None:
    job_id = board.submit(**job)
    board.clock.advance(waits)
    claim = board.start(job_id)
    board.clock.advance(runs)
    board.finish(claim, Succeeded(b'"done"'), usage)


def test_each_end_counts_in_its_minute_and_in_all(board: Board) -> None:
    run(board)
    board.fail(board.start(board.submit()))
    board.cancel(board.submit())
    board.clock.advance(60)
    run(board)
    of_minutes = [series(board, MINUTE + later)[ECHO].states for later in (0, 1)]
    assert [states[JobState.SUCCEEDED] for states in of_minutes] == [1, 1]
    assert (of_minutes[0][JobState.FAILED], of_minutes[0][JobState.CANCELLED]) == (1, 1)
    assert totals(board)[ECHO].states[JobState.SUCCEEDED] == 2
    assert series(board, MINUTE, 2)[ECHO].states == totals(board)[ECHO].states


def test_an_end_that_is_told_again_after_a_lost_answer_counts_once(board: Board) -> None:
    claim = board.start(board.submit())
    for _ in range(2):
        board.succeed(claim)
    assert totals(board)[ECHO].states[JobState.SUCCEEDED] == 1


def test_a_message_that_never_became_a_job_is_not_counted(board: Board) -> None:
    board.run(board.transitions.reject("odd", "no such kind: x", "acme", Failure(code="x", message="x")))
    assert totals(board) == {}


@pytest.mark.parametrize(
    ("ms", "bound"),
    [(0, 0.001), (1, 0.001), (2, 0.002), (3, 0.004), (1024, 1.024), (1025, 2.048), (10**9, BOUNDS_S[-1])],
)
def test_a_time_counts_in_the_first_bucket_that_it_does_not_exceed(board: Board, ms: int, bound: float) -> None:
    run(board, waits=ms / 1000)
    (ends,) = totals(board).values()
    assert ends.waits.buckets[BOUNDS_S.index(bound)] == ends.waits.count == 1
    assert ends.waits.sum_s == ms / 1000


def test_what_jobs_asked_of_models_adds_up_whoever_they_were_for(board: Board) -> None:
    for tenant in ("acme", "beta"):
        run(board, tenant=tenant, usage=Usage(requests=2, input_tokens=100, output_tokens=20, cost_usd=0.125))
    run(board, usage=Usage(requests=1, input_tokens=1))  # of a cost that is not known
    assert [*series(board)] == [ECHO]
    its = series(board)[ECHO]
    assert (its.input_tokens, its.output_tokens, its.cost_usd) == (201, 40, 0.25)


def test_what_ends_is_told_the_same_before_and_after_it_is_sorted(board: Board) -> None:
    told = []
    for number in range(MOST_UNSORTED + 5):
        run(board, kind=f"test.kind{number % 3}", runs=0.001 * 2 ** (number % 20), waits=0.001 * 2 ** (number % 7))
        told.append(sum(sum(ends.states.values()) for ends in totals(board).values()))
    assert told == [*range(1, MOST_UNSORTED + 6)]
    assert board.client.hlen(board.keys.totals) == 3
    minutes = (board.clock() - NOON_MS) // 60_000 + 1
    of_minutes, in_all = series(board, MINUTE, minutes), totals(board)
    assert {group: ends.figures for group, ends in of_minutes.items()} == {
        group: ends.figures for group, ends in in_all.items()
    }


def sorted_now(board: Board) -> None:
    """Have a job end that makes what is not sorted too much."""
    fields: dict[Any, Any] = {
        f"{MINUTE - 5000} agents filler failed w{number} r0": 1 for number in range(MOST_UNSORTED)
    }
    board.client.hset(board.keys.ends, mapping=fields)
    board.cancel(board.submit(kind="filler"))
    assert not board.client.exists(board.keys.ends)


def test_a_minute_is_kept_for_two_days(board: Board) -> None:
    run(board)
    sorted_now(board)
    kept = board.client.ttl(board.keys.series(str(MINUTE)))
    assert 48 * 3600 < kept <= 49 * 3600


def test_a_minute_of_a_thousand_kinds_tells_most_of_them_as_one(board: Board) -> None:
    fields: dict[Any, Any] = {f"{MINUTE} agents kind{number} succeeded w0 r0": 1 for number in range(1000)}
    board.client.hset(board.keys.ends, mapping=fields)
    board.cancel(board.submit())
    told = series(board)
    assert len(told) == MOST_OF_MINUTE + 1
    assert sum(sum(ends.states.values()) for ends in told.values()) == 1001
    assert told["agents", OTHERS].states[JobState.SUCCEEDED] >= 1000 - MOST_OF_MINUTE
    assert len(totals(board)) <= MOST_IN_ALL + 1


def test_a_kind_that_no_worker_has_had_for_long_is_no_longer_told(board: Board) -> None:
    said = {"slots": {"agents": 1}, "kinds": ["test.echo"]}
    board.run(board.transitions.announce("worker-1", 1000, said, {"test.echo": '{"queue":"agents"}'}))
    run(board)
    sorted_now(board)
    assert ECHO in totals(board)
    board.clock.advance(board.settings.retention_s + 1)
    board.announce("worker-2")
    assert ECHO not in totals(board)


# Quantiles


def times(**buckets: int) -> Times:
    its = Times()
    for place, count in buckets.items():
        its.buckets[int(place[1:])] = count
    return its


def test_a_quantile_lies_in_its_bucket_as_if_its_times_were_spread_evenly() -> None:
    its = times(b10=4, b12=4)
    assert its.quantile(0.25) == pytest.approx(0.512 + 0.512 / 2)
    assert its.quantile(0.5) == 1.024
    assert its.quantile(1.0) == 4.096


def test_of_times_beyond_the_last_bound_that_bound_is_told() -> None:
    assert times(b28=1).quantile(0.5) == BOUNDS_S[-2]


def test_there_is_no_quantile_of_nothing() -> None:
    with pytest.raises(ValueError, match="no times"):
        times().quantile(0.5)


def test_ends_add_up() -> None:
    ends = Ends(Counter(failed=1, r3=1, run_ms=5))
    ends.add(Ends(Counter(failed=2, r3=1, run_ms=6)))
    assert (ends.states[JobState.FAILED], ends.runs.count, ends.runs.sum_s) == (3, 2, 0.011)

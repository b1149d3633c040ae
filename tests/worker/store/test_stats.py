"""What the ends of jobs come to: each counted once, however it comes about, with what the job used and measured."""

from __future__ import annotations

import math
import random
import struct
from typing import Any

import pytest
import redis

from backdesk.worker.failure import Failure
from backdesk.worker.memory.ddsketch import RELATIVE_ACCURACY, DDSketch, Tally, read_tally
from backdesk.worker.model.job import Failed, HandedOver, Retried, Succeeded, Usage
from backdesk.worker.store.calls import text
from tests.support.board import NOON_MS, Board, question
from tests.worker.store.test_scripts import evaluate

DAY = "2026-03-01"
DONE = Succeeded(b'"done"')
AGAIN = Retried(Failure(code="network", message="it broke", transient=True), 60.0)
ASKED = Usage(requests=3, input_tokens=1000, output_tokens=200, tool_calls=2, cost_usd=0.25)


def tally_of(board: Board, day: str = DAY, kind: str = "test.echo", tenant: str = "acme") -> Tally:
    fields: dict[Any, Any] = board.client.hgetall(board.keys.stats(day, tenant, kind))
    return read_tally(fields)


def sums(tally: Tally) -> dict[str, float]:
    """What each measure comes to, rounded."""
    return {name: round(sketch.sum, 6) for name, sketch in tally.measures.items()}


def near(seconds: float) -> Any:
    """What is told of a time that is counted by its bucket alone."""
    return pytest.approx(seconds, rel=RELATIVE_ACCURACY * 1.001)


def states(board: Board, day: str = DAY) -> dict[str, int]:
    return dict(tally_of(board, day).states)


# Every end


def test_each_end_is_counted_by_its_state(board: Board) -> None:
    board.succeed(board.start(board.submit()))
    board.succeed(board.start(board.submit()))
    board.fail(board.start(board.submit()))
    board.cancel(board.submit())
    board.submit(expires_at_ms=board.clock() + 1000)
    board.clock.advance(2)
    board.expire()
    assert states(board) == {"succeeded": 2, "failed": 1, "cancelled": 1, "expired": 1}


def test_a_job_that_took_down_its_workers_counts_as_failed(board: Board) -> None:
    job_id = board.submit()
    for _ in range(board.settings.max_crashes):
        board.start(job_id)
        board.lose(job_id)
    assert board.state(job_id) == "failed"
    assert states(board) == {"failed": 1}


def test_an_attempt_that_is_not_the_last_counts_nothing(board: Board) -> None:
    for leave in (AGAIN, HandedOver()):
        board.finish(board.start(board.submit()), leave, ASKED)
    board.wait(board.start(board.submit()), question())
    assert states(board) == {}


def test_an_end_that_is_told_again_after_a_lost_answer_counts_once(board: Board) -> None:
    claim = board.start(board.submit())
    for _ in range(2):
        assert board.finish(claim, DONE, ASKED)
    assert states(board) == {"succeeded": 1}
    assert tally_of(board).measures["requests"].count == 1


def test_a_message_that_never_became_a_job_is_not_counted(board: Board) -> None:
    board.run(board.transitions.reject("odd", "no such kind: x", "acme", Failure(code="x", message="x")))
    assert board.client.keys(f"{board.settings.prefix}:stats*") == []


def test_each_day_tenant_and_kind_is_counted_by_itself_and_listed_with_its_day(board: Board) -> None:
    board.succeed(board.start(board.submit()))
    board.succeed(board.start(board.submit(kind="test.other")))
    board.succeed(board.start(board.submit(tenant="beta")))
    board.clock.advance(12 * 3600)
    board.succeed(board.start(board.submit()))
    listed = {day: {*map(text, board.client.smembers(board.keys.stats_of_day(day)))} for day in (DAY, "2026-03-02")}
    assert listed == {DAY: {"acme test.echo", "acme test.other", "beta test.echo"}, "2026-03-02": {"acme test.echo"}}
    assert (states(board), states(board, "2026-03-02")) == ({"succeeded": 1}, {"succeeded": 1})


def test_what_was_counted_is_kept_for_forty_days_after_its_day(board: Board) -> None:
    board.finish(board.start(board.submit()), DONE, ASKED)
    for key in (board.keys.stats(DAY, "acme", "test.echo"), board.keys.stats_of_day(DAY)):
        assert 41 * 86_400 - 60 < board.client.ttl(key) <= 41 * 86_400


# What is measured


def test_of_a_job_that_used_and_measured_nothing_the_time_that_it_ran_is_counted_alone(board: Board) -> None:
    claim = board.start(board.submit())
    board.clock.advance(7)
    board.succeed(claim)
    assert sums(tally_of(board)) == {"run_seconds": near(7)}


def test_a_job_that_never_began_counts_with_no_time(board: Board) -> None:
    board.cancel(board.submit())
    assert (states(board), tally_of(board).measures) == ({"cancelled": 1}, {})


def test_what_a_version_before_this_has_counted_on_the_day_is_counted_on(board: Board) -> None:
    former: dict[Any, Any] = {"#succeeded": 2, "run_seconds": struct.pack("<ddd", 10.0, 4.0, 6.0), "run_seconds p36": 2}
    board.client.hset(board.keys.stats(DAY, "acme", "test.echo"), mapping=former)
    board.client.sadd(board.keys.stats_of_day(DAY), "acme test.echo")
    claim = board.start(board.submit())
    board.clock.advance(7)
    board.succeed(claim)
    its = tally_of(board).measures["run_seconds"]
    assert (states(board), its.count, its.sum, its.min) == ({"succeeded": 3}, 3, near(17), 4)
    board.client.expire(board.keys.stats(DAY, "acme", "test.echo"), 60)
    board.client.expire(board.keys.stats_of_day(DAY), 60)


def test_a_job_that_used_a_model_counts_with_all_that_it_used(board: Board) -> None:
    job_id = board.submit()
    board.clock.advance(2)
    claim = board.start(job_id)
    board.clock.advance(7)
    board.finish(claim, DONE, ASKED.model_copy(update={"measures": {"quality": 0.5, "late": -3.0}}))
    engine = {"run_seconds": near(7), "wait_seconds": 2, "attempts": 1}
    model = {
        "requests": 3,
        "cached_requests": 0,
        "input_tokens": 1000,
        "output_tokens": 200,
        "tool_calls": 2,
        "cost_usd": 0.25,
    }
    assert sums(tally_of(board)) == engine | model | {"quality": 0.5, "late": -3}


def test_a_job_that_only_measured_something_counts_with_that(board: Board) -> None:
    board.finish(board.start(board.submit()), DONE, Usage(measures={"rows": 21_000}))
    assert sums(tally_of(board)) == {"run_seconds": 0, "wait_seconds": 0, "attempts": 1, "rows": 21_000}


def test_a_cost_that_is_not_known_is_left_out(board: Board) -> None:
    board.finish(board.start(board.submit()), DONE, ASKED.model_copy(update={"cost_usd": None}))
    measures = tally_of(board).measures
    assert ("cost_usd" in measures, measures["requests"].count) == (False, 1)


def test_a_cost_of_nothing_is_known(board: Board) -> None:
    board.finish(board.start(board.submit()), DONE, Usage(cost_usd=0.0))
    assert sums(tally_of(board))["cost_usd"] == 0
    assert sums(tally_of(board))["requests"] == 0


def test_all_attempts_of_a_job_count_as_one_that_waited_for_the_first(board: Board) -> None:
    job_id = board.submit()
    board.clock.advance(3)
    claim = board.start(job_id)
    board.clock.advance(5)
    board.finish(claim, AGAIN, ASKED)
    board.clock.advance(60)
    board.promote()
    claim = board.start(job_id)
    board.clock.advance(4)
    board.finish(claim, DONE, ASKED)
    of_time = {name: sums(tally_of(board))[name] for name in ("run_seconds", "wait_seconds", "attempts")}
    assert of_time == {"run_seconds": near(9), "wait_seconds": 3, "attempts": 2}
    assert sums(tally_of(board))["requests"] == 3


def test_a_job_for_later_waits_from_the_time_that_it_is_meant_for(board: Board) -> None:
    job_id = board.submit(run_at_ms=board.clock() + 60_000)
    board.clock.advance(61)
    board.promote()
    board.finish(board.start(job_id), DONE, ASKED)
    assert sums(tally_of(board))["wait_seconds"] == 1


@pytest.mark.parametrize("end", ["cancel", "expire", "lose"])
def test_an_end_that_no_attempt_makes_counts_what_former_attempts_used(board: Board, end: str) -> None:
    job_id = board.submit(expires_at_ms=board.clock() + 30_000)
    claim = board.start(job_id)
    board.clock.advance(5)
    board.finish(claim, AGAIN, ASKED)
    if end == "cancel":
        board.cancel(job_id)
    elif end == "expire":
        board.clock.advance(30)
        board.expire()
    else:
        board.client.hset(board.keys.job(job_id), "crashes", board.settings.max_crashes - 1)
        board.client.zadd(board.keys.due, {job_id: 0})
        board.promote()
        board.start(job_id)
        board.clock.advance(3)
        board.client.zadd(board.keys.leases, {job_id: 0})
        board.reap()
    assert states(board) == {{"cancel": "cancelled", "expire": "expired", "lose": "failed"}[end]: 1}
    assert sums(tally_of(board))["output_tokens"] == 200
    assert sums(tally_of(board))["run_seconds"] == near(8 if end == "lose" else 5)


def test_a_failure_counts_what_it_used(board: Board) -> None:
    board.finish(board.start(board.submit()), Failed(Failure(code="x", message="x")), ASKED)
    assert (states(board), sums(tally_of(board))["cost_usd"]) == ({"failed": 1}, 0.25)


def test_usage_that_another_version_wrote_in_full_counts_only_where_it_is_something(board: Board) -> None:
    claim = board.start(board.submit())
    board.finish(claim, AGAIN, Usage())
    full = '{"requests":0,"input_tokens":0,"output_tokens":0,"tool_calls":0,"cost_usd":null}'
    board.client.hset(board.keys.job(claim.job_id), "usage", full)
    board.cancel(claim.job_id)
    assert (states(board), [*tally_of(board).measures]) == ({"cancelled": 1}, ["run_seconds"])


def test_measures_of_names_without_end_do_not_fill_the_store(board: Board) -> None:
    key = board.keys.stats(DAY, "acme", "test.echo")
    board.finish(board.start(board.submit()), DONE, Usage(measures={"rows": 1}))
    board.client.hset(key, mapping={f"old_{n} z": 1 for n in range(20_000)})
    board.finish(board.start(board.submit()), DONE, Usage(measures={"rows": 2, "user_4711": 1}))
    tally = tally_of(board)
    assert (tally.states["succeeded"], tally.measures["rows"].sum) == (2, 3)
    assert "user_4711" not in tally.measures


# Sketches


def counted(client: redis.Redis, values: list[float], key: str) -> DDSketch:
    """Have the server count these numbers under a key."""
    code = f"for at = 3, #ARGV do add_measures('{key}', {{x = tonumber(ARGV[at])}}) end return 1"
    evaluate(client, "stats", code, "backdesk", NOON_MS, *map(repr, values))
    fields: dict[Any, Any] = client.hgetall(key)
    sketch = read_tally(fields).measures["x"]
    client.delete(key)
    return sketch


CHANCE = random.Random(7)
NUMBERS = {
    "seconds": [CHANCE.lognormvariate(1, 1.5) for _ in range(2000)],
    "counts": [float(CHANCE.randint(0, 5)) for _ in range(500)],
    "of both signs": [CHANCE.gauss(0, 1000) for _ in range(1000)],
    "tiny and huge": [1e-12, 1e-8, 1e-3, 1.0, 1e6, 1e15],
    "one": [0.84],
}


@pytest.mark.parametrize("name", NUMBERS)
def test_any_quantile_is_within_two_percent_of_the_true_one(client: redis.Redis, name: str) -> None:
    values = sorted(NUMBERS[name])
    sketch = counted(client, values, "k")
    for q in (0.0, 0.1, 0.5, 0.95, 0.99, 1.0):
        true = values[max(math.ceil(q * len(values) - 1e-9), 1) - 1]
        assert sketch.quantile(q) == pytest.approx(true, rel=RELATIVE_ACCURACY * 1.001, abs=1e-9), q


def test_quantiles_of_small_whole_numbers_are_whole(client: redis.Redis) -> None:
    for true in range(1, 25):
        assert counted(client, [0.0, true, true, 40.0], "k").quantile(0.5) == true


def test_sum_least_and_most_are_exact(client: redis.Redis) -> None:
    values = NUMBERS["of both signs"]
    sketch = counted(client, values, "k")
    assert (sketch.count, sketch.min, sketch.max) == (len(values), min(values), max(values))
    assert sketch.sum == pytest.approx(sum(values), rel=1e-12)
    assert sketch.mean == pytest.approx(sum(values) / len(values))


def test_two_sketches_together_tell_what_one_of_all_numbers_tells(client: redis.Redis) -> None:
    values = NUMBERS["seconds"]
    both, whole = counted(client, values[:700], "k"), counted(client, values, "k")
    both.add(counted(client, values[700:], "k"))
    assert both.counts == whole.counts
    assert (both.min, both.max) == (whole.min, whole.max)
    assert both.sum == pytest.approx(whole.sum)

"""Bodies that call outside services within limits: when they may begin, and what comes of how they end."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.attempt.ledger import Suspended
from backdesk.worker.errors import InvalidRequest, Limited, TaskError
from backdesk.worker.failure import Category
from backdesk.worker.model.job import JobState
from backdesk.worker.model.service import BreakerState
from backdesk.worker.process.state import WorkerProcess
from tests.support.board import Board
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.outside import MODEL, Outside
from tests.worker.conftest import Bench

DOWN = TaskError("model_unavailable", "no answer", category=Category.NETWORK, transient=True)
BUSY = TaskError("model_rate_limit", "slow down", category=Category.RATE_LIMIT, transient=True, retry_after_s=30)
REFUSED = TaskError("model_rejected", "bad request", category=Category.VALIDATION)
DEFECT = KeyError("a defect of the body")


@pytest.fixture
def outside(board: Board) -> Outside:
    """Under the server's own clock."""
    outside = Outside(board)
    outside.reservations = type(outside.reservations)(board.settings)
    return outside


def calling(error: BaseException | None = None, *, colour: str = "async", tokens: int = 100, used: int = 60) -> Any:
    """A body that makes one call and then perhaps raises."""

    async def in_coroutine(ctx: TaskContext) -> str:
        async with ctx.reserve(MODEL.name, key=MODEL.key, tokens=tokens) as call:
            call.used(used)
            if error is not None:
                raise error
        return "done"

    def in_thread(ctx: BlockingContext) -> str:
        with ctx.reserve(MODEL.name, key=MODEL.key, tokens=tokens) as call:
            call.used(used)
            if error is not None:
                raise error
        return "done"

    return in_coroutine if colour == "async" else in_thread


def seats(outside: Outside) -> int:
    return outside.board.client.zcard(outside.board.keys.calls(MODEL.bucket))


def breaker(outside: Outside) -> str:
    return outside.field("state") or "closed"


@pytest.mark.parametrize("colour", ["async", "def"])
def test_a_call_that_ends_is_trued_up_and_leaves_its_seat(bench: Bench, outside: Outside, colour: str) -> None:
    outside.limit("openai/gpt-4o", tokens_per_minute=6000, concurrent=1)
    job_id = bench.run_body(calling(colour=colour))
    assert bench.board.record(job_id).result == {"value": "done"}
    eventually(lambda: seats(outside) == 0, what="the seat to be free")
    assert outside.granted(tokens=100) < 0.72, "60 of 100 tokens were used"


@pytest.mark.parametrize("colour", ["async", "def"])
@pytest.mark.parametrize("error", [DOWN, BUSY, REFUSED, DEFECT, Suspended(), asyncio.CancelledError()])
def test_however_the_body_ends_the_seat_is_left(
    bench: Bench, outside: Outside, colour: str, error: BaseException
) -> None:
    outside.limit("openai/gpt-4o", concurrent=1)
    bench.run_body(calling(error, colour=colour))
    eventually(lambda: seats(outside) == 0, what="the seat to be free")
    assert not outside.board.client.keys("*:reservation:*")


def test_a_body_waits_in_its_run_for_a_turn_that_comes_soon(bench: Bench, outside: Outside) -> None:
    outside.limit("openai/gpt-4o", requests_per_minute=60)

    async def thrice(ctx: TaskContext) -> list[float]:
        asked, began = time.monotonic(), []
        for _ in range(3):
            async with ctx.reserve(MODEL.name):
                began.append(time.monotonic() - asked)
        return began

    _, second, third = bench.board.record(bench.run_body(thrice)).result["value"]
    assert second >= 0.72 - 0.05
    assert third >= 0.72 + 1.02 - 0.05


@pytest.mark.parametrize("colour", ["async", "def"])
def test_a_job_whose_turn_is_far_away_is_parked_and_no_attempt_is_counted(
    bench: Bench, outside: Outside, colour: str
) -> None:
    outside.limit("openai/gpt-4o", tokens_per_minute=600)
    outside.granted(tokens=300)
    job_id = bench.run_body(calling(colour=colour))
    record = bench.board.record(job_id)
    assert (record.state, record.failures) == (JobState.SCHEDULED, 0)
    assert record.attempts[0].outcome == "limited"
    event = bench.board.events(job_id)[-1]
    assert event.data["limit"] == {"resource": "openai/gpt-4o", "why": "tokens"}
    assert "openai/gpt-4o: its tokens per minute are used up" in event.data["error"]["message"]
    outside.unlimit("openai/gpt-4o")
    assert outside.release() == 1
    bench.again(job_id)
    assert bench.board.state(job_id) is JobState.SUCCEEDED


def test_a_call_that_finds_all_seats_taken_asks_again_and_gets_the_next(bench: Bench, outside: Outside) -> None:
    outside.limit("openai/gpt-4o", concurrent=1)
    free = asyncio.Event()

    async def holds(ctx: TaskContext) -> None:
        async with ctx.reserve(MODEL.name):
            await free.wait()

    async def comes_second(ctx: TaskContext) -> str:
        asyncio.get_running_loop().call_later(0.3, free.set)
        async with ctx.reserve(MODEL.name):
            return "got it"

    _, first = bench.begin_body(holds)
    eventually(lambda: outside.board.client.zcard(outside.board.keys.calls(MODEL.name)) == 1, what="the first call")
    job_id = bench.run_body(comes_second)
    first.result(PATIENCE_S)
    assert bench.board.record(job_id).result == {"value": "got it"}


def test_a_call_larger_than_a_minute_fails_its_job(bench: Bench, outside: Outside) -> None:
    outside.limit("openai/gpt-4o", tokens_per_minute=99)
    record = bench.board.record(bench.run_body(calling()))
    assert (record.state, record.error and record.error.code) == (JobState.FAILED, "call_over_limit")
    assert record.error is not None
    assert "needs 100 tokens" in record.error.message


def test_a_wait_that_is_broken_off_gives_back_what_was_reserved(bench: Bench, outside: Outside) -> None:
    outside.limit("openai/gpt-4o", requests_per_minute=60, concurrent=5)
    for _ in range(4):
        outside.granted(outside.call())
    waiting, _ = bench.begin_body(calling())
    eventually(lambda: outside.board.client.keys(f"*:reservation:{waiting}:*"), what="the reservation")
    outside.board.cancel(waiting)
    eventually(lambda: bench.board.state(waiting) is JobState.CANCELLED, what="the end of the job")
    eventually(lambda: not outside.board.client.keys(f"*:reservation:{waiting}:*"), what="the reservation's end")
    assert outside.granted() < 4.2, "the turn is free again"


@pytest.mark.parametrize(
    ("error", "opens"), [(DOWN, True), (TimeoutError(), True), (REFUSED, False), (BUSY, False), (DEFECT, False)]
)
def test_what_opens_the_breaker(bench: Bench, outside: Outside, error: Exception, opens: bool) -> None:
    outside.fail(4)
    bench.run_body(calling(error))
    eventually(lambda: not outside.board.client.keys("*:reservation:*"), what="the settlement")
    assert (breaker(outside) == BreakerState.OPEN) is opens


def test_a_call_that_fails_while_the_breaker_is_open_parks_its_job_and_counts_no_failure(
    bench: Bench, outside: Outside
) -> None:
    outside.fail(4)
    job_id = bench.run_body(calling(DOWN))
    record = bench.board.record(job_id)
    assert (record.state, record.failures) == (JobState.SCHEDULED, 0)
    event = bench.board.events(job_id)[-1]
    assert (event.type, event.data["limit"]["why"]) == ("limited", "breaker")
    assert 0 < event.data["delay_s"] <= 2.1


def test_a_call_that_fails_while_the_breaker_is_closed_counts_as_a_failure(bench: Bench, outside: Outside) -> None:
    record = bench.board.record(bench.run_body(calling(DOWN)))
    assert (record.state, record.failures) == (JobState.SCHEDULED, 1)


def test_the_job_that_probes_well_lets_the_others_through(bench: Bench, outside: Outside) -> None:
    began = time.monotonic()
    outside.fail(5)
    job_id = bench.run_body(calling())
    assert bench.board.state(job_id) is JobState.SUCCEEDED
    assert 1.5 < time.monotonic() - began < 15, "a probe waits for its time in its run"
    eventually(lambda: breaker(outside) == BreakerState.CLOSED, what="the closed breaker")


def test_a_provider_that_asks_for_a_pause_holds_the_others(bench: Bench, outside: Outside) -> None:
    first = bench.run_body(calling(BUSY))
    second = bench.run_body(calling())
    assert bench.board.record(first).failures == 1
    assert bench.board.events(second)[-1].data["limit"] == {"resource": "openai/gpt-4o", "why": "hold"}
    assert 10 < bench.board.events(second)[-1].data["delay_s"] <= 30


def round_trips(bench: Bench, process: WorkerProcess, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []
    submit = process.writer.submit

    def noted(call: Any) -> Any:
        made.append(call.script.name)
        return submit(call)

    monkeypatch.setattr(process.writer, "submit", noted)
    bench.run_body(calling())
    return [name for name in made if name in {"reserve", "settle"}]


def test_without_limits_a_call_costs_one_round_trip_before_it(
    bench: Bench, process: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert round_trips(bench, process, monkeypatch) == ["reserve"]


def test_an_answer_is_told_where_it_gives_something_back(
    bench: Bench, process: WorkerProcess, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.limit("openai/gpt-4o", concurrent=1)
    assert round_trips(bench, process, monkeypatch) == ["reserve", "settle"]


def test_an_answer_is_told_where_it_makes_up_for_a_failure(
    bench: Bench, process: WorkerProcess, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.fail(4)
    assert round_trips(bench, process, monkeypatch) == ["reserve", "settle"]
    assert outside.fail() is BreakerState.CLOSED


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"resource": ""}, "resource"),
        ({"resource": "open ai/gpt"}, "resource"),
        ({"resource": "openai/gpt-4o", "key": "sk-live/…"}, "key"),
        ({"resource": "openai/gpt-4o", "tokens": -1}, "tokens"),
        ({"resource": "openai/gpt-4o", "tokens": 1.5}, "tokens"),
        ({"resource": "openai/gpt-4o", "tokens": float("nan")}, "tokens"),
    ],
)
def test_a_call_that_is_none_is_refused_before_anybody_is_asked(
    bench: Bench, arguments: dict[str, Any], field: str
) -> None:
    async def body(ctx: TaskContext) -> str:
        with pytest.raises(InvalidRequest) as caught:
            async with ctx.reserve(**arguments):
                pass
        return caught.value.field

    assert bench.board.record(bench.run_body(body)).result == {"value": field}


def test_a_body_that_takes_limits_for_errors_can_tell_them(bench: Bench, outside: Outside) -> None:
    outside.settle(outside.call(), "limited", hold_s=40)  # type: ignore[arg-type]  # as it is sent

    async def body(ctx: TaskContext) -> list[Any]:
        try:
            async with ctx.reserve(MODEL.name, key=MODEL.key):
                return []
        except Limited as limited:
            return [limited.resource, limited.why, 20 < limited.retry_after_s <= 40]

    assert bench.board.record(bench.run_body(body)).result == {"value": ["openai/gpt-4o", "hold", True]}

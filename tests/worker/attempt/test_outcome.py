"""How an attempt ends that does not return: tried again, given up, answered by a fallback, stopped, abandoned."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.attempt.outage import ENTRY
from backdesk.worker.errors import Limited, TaskError
from backdesk.worker.failure import Category
from backdesk.worker.model.asks import LedgerEntry
from backdesk.worker.model.budget import Budget
from backdesk.worker.model.job import Cancelled, Failed, HandedOver, JobState, Retried, Succeeded, Usage, Waiting
from backdesk.worker.model.retry import NO_RETRY, RetryPolicy
from backdesk.worker.model.service import Why
from backdesk.worker.process.state import WorkerProcess
from backdesk.worker.settings import Settings
from tests.support.board import Board
from tests.support.eventually import PATIENCE_S, eventually
from tests.worker.conftest import Bench

PASSING = ConnectionError("away")
STEADY = RetryPolicy(attempts=3, base_s=2, jitter=False)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"stop_grace_s": 0.4})


def raising(error: BaseException) -> Callable[[TaskContext], Any]:
    async def body(ctx: TaskContext) -> None:
        raise error

    return body


# Retries


def test_a_passing_error_is_tried_again_until_the_attempts_are_spent(bench: Bench, board: Board) -> None:
    job_id = bench.run_body(raising(PASSING), retry=STEADY)
    assert isinstance(bench.again(job_id), Retried)
    assert isinstance(bench.again(job_id), Failed)
    delays = [event.data["delay_s"] for event in board.events(job_id) if event.type == "retrying"]
    assert delays == [2, 4]
    record = board.record(job_id)
    assert (record.state, record.attempt, record.failures) == (JobState.FAILED, 3, 2)


def test_a_permanent_error_is_not_tried_again(bench: Bench, board: Board) -> None:
    job_id = bench.run_body(raising(PermissionError("no")), retry=STEADY)
    assert (board.state(job_id), board.code_of(job_id)) == (JobState.FAILED, "authorization")


def test_the_wait_is_the_random_part_that_the_policy_asks_for(
    bench: Bench, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backdesk.worker.attempt.executor.random.random", lambda: 0.25)
    job_id = bench.run_body(raising(PASSING), retry=RetryPolicy(base_s=8))
    assert board.events(job_id)[-1].data["delay_s"] == 2


def test_a_wait_that_the_provider_asks_for_is_kept(bench: Bench, board: Board) -> None:
    error = TaskError("busy", "later", category=Category.RATE_LIMIT, transient=True, retry_after_s=77)
    job_id = bench.run_body(raising(error), retry=STEADY)
    assert board.events(job_id)[-1].data["delay_s"] == 77
    assert board.events(job_id)[-1].data["error"]["retry_after_s"] == 77


def test_a_job_can_forbid_what_its_kind_would_try_again(bench: Bench, board: Board) -> None:
    assert board.state(bench.run_body(raising(PASSING), retry=NO_RETRY)) is JobState.FAILED


def test_each_attempt_has_a_reference_of_its_own(bench: Bench, board: Board) -> None:
    job_id = bench.run_body(raising(PASSING), retry=RetryPolicy(attempts=2))
    bench.again(job_id)
    error, past = board.record(job_id).error, board.record(job_id).attempts
    assert error is not None
    assert past[0].error is not None
    assert error.reference.startswith("BD-")
    assert error.reference != past[0].error.reference


def test_an_attempt_that_ran_into_a_limit_is_not_counted(bench: Bench, board: Board) -> None:
    job_id = bench.run_body(raising(Limited(1.5, "no seat at the model")), retry=NO_RETRY)
    record = board.record(job_id)
    assert (record.state, record.failures, record.attempts[0].outcome) == (JobState.SCHEDULED, 0, "limited")
    assert board.events(job_id)[-1].data["delay_s"] == 1.5


def test_a_limit_within_a_task_group_is_a_limit(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(raising(Limited(1.5, "no seat"))(ctx))

    assert board.record(bench.run_body(body, retry=NO_RETRY)).attempts[0].outcome == "limited"


# Fallbacks


@pytest.mark.parametrize("colour", ["async", "def"])
def test_a_fallback_answers_when_the_attempts_are_spent_and_is_marked(bench: Bench, board: Board, colour: str) -> None:
    def body(ctx: BlockingContext) -> None:
        raise PASSING

    job_id = bench.run_body(raising(PASSING) if colour == "async" else body, kind="fallback", retry=NO_RETRY)
    record = board.record(job_id)
    assert (record.state, record.result) == (JobState.SUCCEEDED, {"value": "instead of network"})
    assert record.degraded is not None
    assert (record.degraded.code, record.degraded.fallback_available) == ("network", True)
    event = board.events(job_id)[-1]
    assert (event.type, event.data["degraded"]["code"]) == ("succeeded", "network")


def test_a_fallback_waits_for_the_last_attempt(bench: Bench, board: Board) -> None:
    job_id = bench.run_body(raising(PASSING), kind="fallback", retry=RetryPolicy(attempts=2))
    assert board.state(job_id) is JobState.SCHEDULED
    assert isinstance(bench.again(job_id), Succeeded)


def test_no_fallback_stands_in_for_a_permanent_error(bench: Bench, board: Board) -> None:
    job_id = bench.run_body(raising(PermissionError("no")), kind="fallback", retry=NO_RETRY)
    assert board.state(job_id) is JobState.FAILED


def test_a_kind_says_in_place_of_which_failures_its_fallback_answers(bench: Bench, board: Board) -> None:
    job_id = bench.run_body(raising(TaskError("no_stock", "there is none")), kind="fallback_for_all", retry=NO_RETRY)
    record = board.record(job_id)
    assert (record.state, record.result) == (JobState.SUCCEEDED, {"value": "instead of no_stock"})
    assert record.degraded is not None
    assert (record.degraded.code, record.degraded.fallback_available) == ("no_stock", True)
    assert record.usage is not None
    assert record.usage.measures["degraded"] == 1, "the statistics count it"


def test_where_it_does_not_the_job_fails_and_nothing_else_is_said_to_be_available(bench: Bench, board: Board) -> None:
    job_id = bench.run_body(raising(PermissionError("no")), kind="fallback_for_all", retry=NO_RETRY)
    record = board.record(job_id)
    assert record.error is not None
    assert (record.error.code, record.error.fallback_available) == ("authorization", False)


def test_the_last_life_of_a_job_that_takes_its_workers_down_is_for_its_fallback(bench: Bench, board: Board) -> None:
    job_id = bench.submit_body(raising(PASSING), kind="fallback_for_all")
    for _ in range(board.settings.max_crashes - 1):
        board.start(job_id)
        bench.lose(job_id)
    bench.again(job_id)
    record = board.record(job_id)
    assert (record.state, record.result) == (JobState.SUCCEEDED, {"value": "instead of poison"})
    assert record.degraded is not None
    assert (record.degraded.code, record.degraded.severity) == ("poison", "critical")


def test_a_fallback_answers_for_a_job_whose_budget_is_out_of_time(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> None:
        await asyncio.sleep(60)

    job_id = bench.run_body(body, kind="fallback_for_all", retry=NO_RETRY, budget=Budget(wall_s=0.3))
    assert board.record(job_id).result == {"value": "instead of budget_exceeded"}


DOWN = Limited(2.0, "openai/m: fails", resource="openai/m", why=Why.BREAKER, line="breaker openai/m")


def test_a_fallback_answers_when_a_service_has_been_down_for_long(bench: Bench, board: Board) -> None:
    job_id = bench.run_body(raising(DOWN), kind="fallback")
    assert board.state(job_id) is JobState.SCHEDULED
    due_ms = board.client.zscore(board.keys.due, job_id) or 0
    assert due_ms / 1000 < time.time() + bench.process.settings.outage_wait_s + 1, "it waits for longer than it may"
    waits = LedgerEntry(state="done", value=1.0, attempt=1).model_dump_json()
    board.client.hset(board.keys.ledger(job_id), ENTRY, waits)
    assert isinstance(bench.again(job_id), Succeeded)
    record = board.record(job_id)
    assert (record.result, record.failures) == ({"value": "instead of outage"}, 0)


def test_without_a_fallback_a_job_waits_for_as_long_as_a_service_is_down(bench: Bench, board: Board) -> None:
    job_id = bench.run_body(raising(DOWN))
    for _ in range(3):
        board.client.hset(board.keys.ledger(job_id), ENTRY, '{"state":"done","value":1.0,"attempt":1}')
        bench.again(job_id)
    assert board.state(job_id) is JobState.SCHEDULED


def test_a_fallback_answers_no_other_limit(bench: Bench, board: Board) -> None:
    job_id = bench.run_body(raising(Limited(1.0, "no seat")), kind="fallback")
    assert (board.state(job_id), board.client.hlen(board.keys.ledger(job_id))) == (JobState.SCHEDULED, 0)


def test_of_a_fallback_that_fails_too_the_first_error_is_kept(bench: Bench, board: Board) -> None:
    job_id = bench.run_body(raising(PASSING), kind="fallback_fails", retry=NO_RETRY)
    assert (board.state(job_id), board.code_of(job_id)) == (JobState.FAILED, "network")


@pytest.mark.parametrize("colour", ["async", "def"])
def test_a_fallback_answers_for_an_attempt_that_ran_out_of_time(bench: Bench, board: Board, colour: str) -> None:
    async def body(ctx: TaskContext) -> None:
        await asyncio.sleep(60)

    def body_def(ctx: BlockingContext) -> None:
        _work_until(lambda: False)

    chosen: Callable[[Any], Any] = body if colour == "async" else body_def
    record = board.record(bench.run_body(chosen, kind="fallback", retry=NO_RETRY, timeout_ms=300))
    assert (record.state, record.result) == (JobState.SUCCEEDED, {"value": "instead of attempt_timeout"})


def test_a_fallback_may_ask_a_person(bench: Bench, board: Board) -> None:
    job_id = bench.run_body(raising(PASSING), kind="fallback_asks", retry=NO_RETRY)
    assert board.state(job_id) is JobState.WAITING
    board.answer(job_id, "instead", {"value": "tea"})
    bench.again(job_id)
    record = board.record(job_id)
    assert (record.state, record.result, record.failures) == (JobState.SUCCEEDED, {"value": "tea"}, 0)


# Time limits


def _work_until(done: Callable[[], bool]) -> None:
    """Keep Python busy, as a blocking body does that can be interrupted."""
    while not done():
        time.sleep(0.01)


async def waits(ctx: TaskContext) -> None:
    await asyncio.sleep(60)


def works(ctx: BlockingContext) -> None:
    _work_until(lambda: False)


BODIES: list[Callable[[Any], Any]] = [waits, works]


@pytest.mark.parametrize("body", BODIES)
def test_an_attempt_that_takes_too_long_is_broken_off_and_tried_again(
    bench: Bench, board: Board, body: Callable[[Any], Any]
) -> None:
    job_id = bench.run_body(body, timeout_ms=300, retry=STEADY)
    record = board.record(job_id)
    assert (record.state, record.failures) == (JobState.SCHEDULED, 1)
    error = record.attempts[0].error
    assert error is not None
    assert (error.code, error.category, error.transient) == ("attempt_timeout", "timeout", True)


@pytest.mark.parametrize("body", BODIES)
def test_a_job_whose_time_is_over_is_broken_off_and_expires(
    bench: Bench, board: Board, body: Callable[[Any], Any]
) -> None:
    now_ms = int(board.client.time()[0]) * 1000
    job_id = bench.run_body(body, expires_at_ms=now_ms + 1500, timeout_ms=60_000)
    assert (board.state(job_id), board.code_of(job_id)) == (JobState.EXPIRED, "expired")


def test_what_returns_in_time_is_not_broken_off(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> str:
        await asyncio.sleep(0.05)
        return "done"

    assert board.state(bench.run_body(body, timeout_ms=5000)) is JobState.SUCCEEDED


# Cancelling


@pytest.mark.parametrize("body", BODIES)
def test_a_running_body_that_is_cancelled_stops_and_its_job_ends_with_the_reason(
    bench: Bench, board: Board, body: Callable[[Any], Any]
) -> None:
    job_id, outcome = bench.begin_body(body)
    bench.started(job_id)
    board.cancel(job_id, "changed my mind")
    assert isinstance(outcome.result(PATIENCE_S), Cancelled)
    record = board.record(job_id)
    assert (record.state, record.error and record.error.message) == (JobState.CANCELLED, "changed my mind")


def test_a_body_may_clean_up_when_it_is_cancelled(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            ctx.emit("cleaned")

    job_id, outcome = bench.begin_body(body)
    bench.started(job_id)
    board.cancel(job_id)
    outcome.result(PATIENCE_S)
    assert board.event_types(job_id)[-2:] == ["cleaned", "cancelled"]


def test_a_body_that_returns_in_spite_of_the_request_has_succeeded(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "nearly done anyway"
        return "slept"

    job_id, outcome = bench.begin_body(body)
    bench.started(job_id)
    board.cancel(job_id)
    assert isinstance(outcome.result(PATIENCE_S), Succeeded)
    assert board.state(job_id) is JobState.SUCCEEDED


def test_a_body_that_raises_another_error_when_it_is_cancelled_is_cancelled(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise PASSING from None

    job_id, outcome = bench.begin_body(body)
    bench.started(job_id)
    board.cancel(job_id)
    outcome.result(PATIENCE_S)
    assert board.state(job_id) is JobState.CANCELLED


# Bodies that do not stop


def test_a_coroutine_that_swallows_its_cancellation_is_left_behind_and_its_slot_is_free(
    bench: Bench, board: Board
) -> None:
    go_on, ended = threading.Event(), threading.Event()

    async def body(ctx: TaskContext) -> str:
        while not go_on.is_set():
            try:
                await asyncio.sleep(0.02)
            except asyncio.CancelledError:
                continue
        ctx.emit("late")
        ended.set()
        return "late"

    job_id, outcome = bench.begin_body(body)
    bench.started(job_id)
    board.cancel(job_id, "enough")
    assert isinstance(outcome.result(PATIENCE_S), Cancelled)
    told = board.log(job_id)
    go_on.set()
    assert ended.wait(PATIENCE_S)
    assert board.state(bench.run("test.echo", {})) is JobState.SUCCEEDED
    assert board.log(job_id) == told


def test_the_job_of_a_function_that_swallows_its_interruption_ends_in_time(bench: Bench, board: Board) -> None:
    go_on = threading.Event()

    def body(ctx: BlockingContext) -> str:
        while not go_on.is_set():
            try:
                _work_until(go_on.is_set)
            except asyncio.CancelledError:
                continue
        return "late"

    job_id, outcome = bench.begin_body(body)
    bench.started(job_id)
    board.cancel(job_id, "enough")
    eventually(lambda: board.state(job_id) is JobState.CANCELLED)
    assert not outcome.done()
    told = board.log(job_id)
    go_on.set()
    outcome.result(PATIENCE_S)
    assert (board.state(job_id), board.log(job_id)) == (JobState.CANCELLED, told)


# Leaving with the worker


def test_a_worker_that_ends_has_its_jobs_handed_over_at_their_next_step(bench: Bench, board: Board) -> None:
    taken: list[str] = []

    async def body(ctx: TaskContext) -> list[str]:
        for number in range(2):
            await ctx.step(f"step-{number}", lambda: taken.append("a step"))
            if ctx.attempt == 1:
                await asyncio.to_thread(eventually, lambda: ctx.draining)
        return taken

    job_id, outcome = bench.begin_body(body)
    bench.started(job_id)
    board.run(board.transitions.stop("worker-1", "drain", [job_id]))
    assert outcome.result(PATIENCE_S) == HandedOver()
    assert (board.state(job_id), len(taken), board.record(job_id).failures) == (JobState.QUEUED, 1, 0)
    bench.again(job_id)
    assert (board.state(job_id), len(taken)) == (JobState.SUCCEEDED, 2)


@pytest.mark.parametrize("colour", ["async", "def"])
def test_a_worker_that_ends_has_its_jobs_handed_over_at_their_next_checkpoint(
    bench: Bench, board: Board, colour: str
) -> None:
    async def body(ctx: TaskContext) -> Any:
        for page in range(ctx.restored or 0, 3):
            if ctx.attempt == 1:
                await asyncio.to_thread(eventually, lambda: ctx.draining)
            await ctx.checkpoint(page + 1)
        return ctx.restored

    def body_def(ctx: BlockingContext) -> Any:
        for page in range(ctx.restored or 0, 3):
            if ctx.attempt == 1:
                eventually(lambda: ctx.draining)
            ctx.checkpoint(page + 1)
        return ctx.restored

    chosen: Callable[[Any], Any] = body if colour == "async" else body_def
    job_id, outcome = bench.begin_body(chosen)
    bench.started(job_id)
    board.run(board.transitions.stop("worker-1", "drain", [job_id]))
    assert outcome.result(PATIENCE_S) == HandedOver()
    bench.again(job_id)
    assert board.record(job_id).result == {"value": 1}


@pytest.mark.parametrize("colour", ["async", "def"])
@pytest.mark.parametrize("at", ["checkpoint", "step"])
def test_a_job_that_is_to_pause_waits_from_its_next_checkpoint_or_step_on(
    bench: Bench, board: Board, colour: str, at: str
) -> None:
    async def body(ctx: TaskContext) -> Any:
        for page in range(ctx.restored or 0, 3):
            if ctx.attempt == 1:
                await asyncio.to_thread(eventually, lambda: ctx._parts.ledger.pausing)
            await (ctx.checkpoint(page + 1) if at == "checkpoint" else ctx.step(f"page-{page}", lambda: 1))
        return ctx.attempt

    def body_def(ctx: BlockingContext) -> Any:
        for page in range(ctx.restored or 0, 3):
            if ctx.attempt == 1:
                eventually(lambda: ctx._parts.ledger.pausing)
            _ = ctx.checkpoint(page + 1) if at == "checkpoint" else ctx.step(f"page-{page}", lambda: 1)
        return ctx.attempt

    chosen: Callable[[Any], Any] = body if colour == "async" else body_def
    job_id, outcome = bench.begin_body(chosen)
    bench.started(job_id)
    board.run(board.transitions.halt(job_id, b'{"by":"ada"}'))
    assert isinstance(outcome.result(PATIENCE_S), Waiting)
    assert [ask.name for ask in board.record(job_id).asks] == ["pause:1"]
    board.answer(job_id, "pause:1", "resume")
    bench.again(job_id)
    assert board.record(job_id).result == {"value": 2}


def test_a_job_that_was_paused_while_it_was_queued_waits_before_its_body_begins(bench: Bench, board: Board) -> None:
    begun = []

    async def body(ctx: TaskContext) -> None:
        begun.append(ctx.attempt)

    job_id, outcome = bench.begin_body(body)
    outcome.result(PATIENCE_S)
    assert begun == [1]
    other = board.submit(kind=board.record(job_id).kind)
    board.run(board.transitions.halt(other, b"{}"))
    board.take_delivery()
    assert isinstance(bench.begin(other).result(PATIENCE_S), Waiting)
    assert begun == [1]


@pytest.mark.parametrize("body", BODIES)
def test_what_does_not_come_to_a_checkpoint_is_broken_off_and_handed_over(
    bench: Bench, board: Board, body: Callable[[Any], Any]
) -> None:
    job_id, outcome = bench.begin_body(body)
    bench.started(job_id)
    board.run(board.transitions.stop("worker-1", "hand_over", [job_id]))
    assert outcome.result(PATIENCE_S) == HandedOver()
    assert (board.state(job_id), board.record(job_id).failures) == (JobState.QUEUED, 0)


def test_a_worker_that_ends_gives_back_what_it_has_not_begun(
    bench: Bench, board: Board, process: WorkerProcess
) -> None:
    process.draining = True
    job_id = board.submit()
    board.take_delivery()
    assert bench.begin(job_id).result(PATIENCE_S) is None
    assert (board.state(job_id), board.delivered()) == (JobState.QUEUED, [job_id])


# Checkpoints


def test_a_checkpoint_that_is_too_large_fails_the_job(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> None:
        await ctx.checkpoint("x" * board.settings.max_result_bytes)

    assert board.code_of(bench.run_body(body)) == "checkpoint_too_large"


def test_the_newest_checkpoint_is_restored_and_the_first_attempt_has_none(bench: Bench, board: Board) -> None:
    seen: list[Any] = []

    async def body(ctx: TaskContext) -> None:
        seen.append(ctx.restored)
        for page in (1, 2):
            await ctx.checkpoint({"page": page})
        if ctx.attempt == 1:
            raise PASSING

    bench.again(bench.run_body(body))
    assert seen == [None, {"page": 2}]


# What a body can say wrong


@pytest.mark.parametrize("wait_s", [float("inf"), float("nan"), -5, 1e300, None, "soon"])
def test_a_limit_that_names_no_time_parks_the_job_all_the_same(bench: Bench, board: Board, wait_s: Any) -> None:
    job_id = bench.run_body(raising(Limited(wait_s, "no seat")))
    assert board.state(job_id) is JobState.SCHEDULED
    assert board.events(job_id)[-1].data["delay_s"] in {1.0, 30 * 86_400}


@pytest.mark.parametrize("usage", [None, "much", {"requests": "many"}])
def test_a_body_that_spoils_its_usage_ends_all_the_same(bench: Bench, board: Board, usage: Any) -> None:
    async def body(ctx: TaskContext) -> str:
        ctx.usage = usage
        return "done"

    record = board.record(bench.run_body(body))
    assert (record.state, record.usage) == (JobState.SUCCEEDED, Usage())


def test_a_body_that_counts_what_is_no_number_ends_all_the_same(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> str:
        ctx.usage.requests = object()  # type: ignore[assignment]  # the mistake under test
        return "done"

    assert board.record(bench.run_body(body)).usage == Usage()

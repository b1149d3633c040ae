"""Budgets from within a body: what is allowed goes on, what is not fails, waits for a person, or goes on cheaper."""

from __future__ import annotations

import asyncio
import pickle
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.attempt.task import task
from backdesk.worker.errors import ConfigurationError
from backdesk.worker.failure import Failure
from backdesk.worker.model.asks import Answer
from backdesk.worker.model.budget import (
    Amount,
    Budget,
    BudgetExceeded,
    CostUnknown,
    Estimate,
    OnLimit,
    Refusal,
    TenantLimitInvalid,
)
from backdesk.worker.model.contract import ModelCheck
from backdesk.worker.model.job import HandedOver, JobState, Waiting
from backdesk.worker.process.state import WorkerProcess
from backdesk.worker.settings import Settings
from backdesk.worker.store.calls import text
from tests.support.board import Board
from tests.support.bodies import remembered
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.kinds import Text
from tests.worker.conftest import Bench


@pytest.fixture
def process(settings: Settings) -> Any:
    process = WorkerProcess(settings, {kind: ModelCheck(spec.queue, spec.request) for kind, spec in REGISTRY.items()})
    yield process
    process.close()


def error_of(board: Board, job_id: str) -> Failure:
    record = board.record(job_id)
    assert record.state is JobState.FAILED, record
    assert record.error is not None
    return record.error


def calls(tokens: int) -> Estimate:
    return Estimate(Amount(tokens=tokens, model_calls=1), purpose="a sentence")


async def spends(ctx: TaskContext) -> int:
    for _ in range(3):
        async with ctx.spending(calls(40)) as spending:
            spending.settle(Amount(tokens=30, model_calls=1))
    return ctx.attempt


def spends_def(ctx: BlockingContext) -> int:
    for _ in range(3):
        with ctx.spending(calls(40)) as spending:
            spending.settle(Amount(tokens=30, model_calls=1))
    return ctx.attempt


SPENDING: list[Callable[[Any], Any]] = [spends, spends_def]


# Allowed and counted


@pytest.mark.parametrize("body", SPENDING)
@pytest.mark.parametrize("budget", [None, Budget(tokens=100)])
def test_what_a_body_spends_is_with_its_record(
    bench: Bench, board: Board, body: Callable[[Any], Any], budget: Budget | None
) -> None:
    record = board.record(bench.run_body(body, budget=budget))
    assert record.state is JobState.SUCCEEDED, record.error
    assert record.spent is not None
    assert (record.spent.tokens, record.spent.model_calls, record.budget) == (90, 3, budget)


@pytest.mark.parametrize("body", SPENDING)
def test_a_body_whose_budget_is_spent_fails_and_says_which_and_where_it_stands(
    bench: Bench, board: Board, body: Callable[[Any], Any]
) -> None:
    job_id = bench.run_body(body, budget=Budget(tokens=99))
    error = error_of(board, job_id)
    assert (error.code, error.category, error.transient) == ("budget_exceeded", "resource_exhaustion", False)
    assert error.message == f"job {job_id} has spent 60 of 99 tokens, and 40 more would be needed"
    assert board.record(job_id).spent.tokens == 60  # type: ignore[union-attr]  # it has spent something


async def breaks_off(ctx: TaskContext) -> int:
    async with ctx.spending(calls(40)):
        raise RuntimeError("the line is dead")


def test_what_a_call_that_broke_off_has_cost_counts_as_estimated(bench: Bench, board: Board) -> None:
    record = board.record(bench.run_body(breaks_off, budget=Budget(tokens=99)))
    assert record.spent is not None
    assert record.spent.tokens == 40


async def counts_tools(ctx: TaskContext) -> int:
    for number in range(3):
        await ctx.spend(Amount(tool_calls=1), purpose=f"tool {number}")
    return 3


def test_calls_of_tools_count_when_they_begin(bench: Bench, board: Board) -> None:
    error = error_of(board, bench.run_body(counts_tools, budget=Budget(tool_calls=2)))
    assert "has spent 2 of 2 tool calls" in error.message


async def asks_for_the_moon(ctx: TaskContext) -> int:
    async with ctx.spending(Estimate(Amount(tokens=1, cost_usd=None), purpose="a call of luna-1")):
        return 1


def test_a_price_that_nobody_knows_fails_under_a_budget_in_money(bench: Bench, board: Board) -> None:
    error = error_of(board, bench.run_body(asks_for_the_moon, budget=Budget(cost_usd=1)))
    assert error.code == "cost_unknown"
    assert "what a call of luna-1 costs is not known" in error.message


def test_a_price_that_nobody_knows_is_told_where_money_is_no_limit(bench: Bench, board: Board) -> None:
    record = board.record(bench.run_body(asks_for_the_moon))
    assert record.spent is not None
    assert (record.state, record.spent.cost_usd) == (JobState.SUCCEEDED, None)


async def spends_in_parallel(ctx: TaskContext) -> list[str]:
    async def one() -> str:
        async with ctx.spending(Estimate(Amount(tokens=10))):
            await asyncio.sleep(0)
            return "done"

    ends = await asyncio.gather(*(one() for _ in range(8)), return_exceptions=True)
    return [end if isinstance(end, str) else type(end).__name__ for end in ends]


def test_concurrent_calls_of_one_body_share_what_there_is(bench: Bench, board: Board) -> None:
    record = board.record(bench.run_body(spends_in_parallel, budget=Budget(tokens=50)))
    assert sorted(record.result["value"]) == ["BudgetExceeded"] * 3 + ["done"] * 5


async def runs_twice(ctx: TaskContext) -> int:
    await ctx.spend(Amount(tokens=60))
    if ctx.attempt == 1:
        raise ConnectionError("again")
    return ctx.attempt


def test_another_attempt_has_what_the_first_has_left(bench: Bench, board: Board) -> None:
    job_id = bench.run_body(runs_twice, budget=Budget(tokens=100))
    assert board.state(job_id) is JobState.SCHEDULED
    bench.again(job_id)
    assert "has spent 60 of 100 tokens" in error_of(board, job_id).message


async def waits_for_another(ctx: TaskContext) -> list[str]:
    order: list[str] = []

    async def first() -> None:
        async with ctx.spending(calls(80)) as spending:
            began.set()
            await asyncio.sleep(0.15)
            order.append("first")
            spending.settle(Amount(tokens=10, model_calls=1))

    async def second() -> None:
        await began.wait()
        async with ctx.spending(calls(80)):
            order.append("second")

    began = asyncio.Event()
    await asyncio.gather(first(), second())
    return order


def test_a_call_waits_for_what_another_holds_and_may_give_back(bench: Bench, board: Board) -> None:
    record = board.record(bench.run_body(waits_for_another, budget=Budget(tokens=100)))
    assert record.state is JobState.SUCCEEDED, record.error
    assert record.result == {"value": ["first", "second"]}


@pytest.mark.parametrize("body", SPENDING)
def test_a_call_that_waits_for_long_has_its_job_parked(
    bench: Bench, board: Board, body: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backdesk.worker.attempt.spending.WAITS_S", (0.01, 0.01))
    board.client.hset(board.keys.tenant("acme"), mapping={"tokens_per_day": "108"})
    other = board.start(board.submit("other"))
    board.reserve(other, tokens=70)
    job_id = bench.run_body(body)
    record = board.record(job_id)
    assert (record.state, record.failures, record.attempts[0].outcome) == (JobState.SCHEDULED, 0, "limited")
    assert "which calls under way have set aside" in record.attempts[0].error.message  # type: ignore[union-attr]
    board.book(other, tokens=5)
    bench.again(job_id)
    assert board.state(job_id) is JobState.SUCCEEDED


# A person's word


async def spends_with_leave(ctx: TaskContext) -> list[int]:
    for number in range(2):
        await ctx.spend(Amount(tokens=80), purpose=f"call {number}")
    return [ctx.attempt]


def approve(board: Board, job_id: str, **answer: Any) -> None:
    (ask,) = board.record(job_id).asks
    board.answer(job_id, ask.name, Answer(**{"decision": "approve", "by": "ada"} | answer).model_dump())


def test_a_job_that_must_not_go_on_alone_waits_for_a_person_and_says_what_for(bench: Bench, board: Board) -> None:
    job_id, outcome = bench.begin_body(spends_with_leave, budget=Budget(tokens=100, on_limit=OnLimit.APPROVE))
    assert isinstance(outcome.result(PATIENCE_S), Waiting)
    (ask,) = board.record(job_id).asks
    assert (ask.type, ask.name, ask.choices) == ("approval", f"budget:{job_id}:1", ["approve", "deny"])
    expected = {"limit": "tokens", "allowed": 100, "spent": 80, "wanted": 80, "for": "call 1", "budget_of": job_id}
    assert expected.items() <= ask.facts.items()
    assert ask.prompt.endswith("has spent 80 of 100 tokens, and 80 more would be needed. May it spend as much again?")


def test_what_a_person_approves_is_as_much_again(bench: Bench, board: Board) -> None:
    job_id = bench.run_body(spends_with_leave, budget=Budget(tokens=100, on_limit=OnLimit.APPROVE))
    approve(board, job_id)
    bench.again(job_id)  # the body runs anew, and spends 80 once more before it comes to where it was
    assert board.record(job_id).spent.grants == 1  # type: ignore[union-attr]
    assert [ask.name for ask in board.record(job_id).asks] == [f"budget:{job_id}:2"]
    approve(board, job_id)
    approve_until_the_end(bench, board, job_id)
    assert board.record(job_id).state is JobState.SUCCEEDED


def approve_until_the_end(bench: Bench, board: Board, job_id: str) -> None:
    for _ in range(4):
        bench.again(job_id)
        if board.record(job_id).done:
            return
        approve(board, job_id)


def test_what_a_person_denies_fails_with_their_name_and_reason(bench: Bench, board: Board) -> None:
    job_id = bench.run_body(spends_with_leave, budget=Budget(tokens=70, on_limit=OnLimit.APPROVE))
    approve(board, job_id, decision="deny", note="too dear")
    bench.again(job_id)
    error = error_of(board, job_id)
    assert error.code == "budget_exceeded"
    assert error.message.endswith("ada has denied as much again: too dear")


def test_calls_that_meet_a_limit_together_ask_one_question(bench: Bench, board: Board) -> None:
    job_id, outcome = bench.begin_body(spends_in_parallel_with_leave, budget=Budget(tokens=5, on_limit=OnLimit.APPROVE))
    assert isinstance(outcome.result(PATIENCE_S), Waiting)
    assert len(board.record(job_id).asks) == 1
    approve(board, job_id)
    bench.again(job_id)
    approve_until_the_end(bench, board, job_id)
    assert board.record(job_id).state is JobState.SUCCEEDED


async def spends_in_parallel_with_leave(ctx: TaskContext) -> int:
    await asyncio.gather(*(ctx.spend(Amount(tokens=4)) for _ in range(2)))
    return 2


# Cheaper means


async def has_cheaper_means(ctx: TaskContext) -> list[bool]:
    dear, cheap = Estimate(Amount(cost_usd=0.4)), Estimate(Amount(cost_usd=0.1))
    used = []
    for _ in range(int(ctx.metadata["calls"])):
        async with ctx.spending(dear, cheaper=cheap) as spending:
            used.append(spending.cheaper)
    return used


def cheaper_budget(calls: int) -> dict[str, Any]:
    budget = Budget(cost_usd=1, on_limit=OnLimit.CHEAPER)
    return {"budget": budget, "metadata": b'{"calls":%d}' % calls}


def test_a_job_at_its_limit_goes_on_by_cheaper_means(bench: Bench, board: Board) -> None:
    record = board.record(bench.run_body(has_cheaper_means, **cheaper_budget(14)))
    assert record.state is JobState.SUCCEEDED, record.error
    assert record.result["value"] == [False] * 2 + [True] * 12
    assert record.spent is not None
    assert (record.spent.cost_usd, record.spent.cheaper) == (2.0, True)


def test_cheaper_means_end_when_as_much_again_is_spent(bench: Bench, board: Board) -> None:
    error = error_of(board, bench.run_body(has_cheaper_means, **cheaper_budget(15)))
    assert error.code == "budget_exceeded"
    assert error.message.endswith("as much again (1) has gone to cheaper means")


@pytest.mark.parametrize("body", SPENDING)
def test_without_cheaper_means_the_job_fails_and_says_so(
    bench: Bench, board: Board, body: Callable[[Any], Any]
) -> None:
    error = error_of(board, bench.run_body(body, budget=Budget(tokens=50, on_limit=OnLimit.CHEAPER)))
    assert error.message.endswith("there are no cheaper means to go on by")


# Time


async def hangs(ctx: TaskContext) -> int:
    await asyncio.sleep(60)
    return 1


def hangs_def(ctx: BlockingContext) -> int:
    for _ in range(6000):
        time.sleep(0.01)
    return 1


@pytest.mark.parametrize("body", [hangs, hangs_def])
def test_a_body_that_hangs_ends_with_its_time(bench: Bench, board: Board, body: Callable[[Any], Any]) -> None:
    job_id = bench.run_body(body, budget=Budget(wall_s=0.3))
    error = error_of(board, job_id)
    assert (error.code, error.transient) == ("budget_exceeded", False)
    assert "of 0.3 s" in error.message


def test_a_body_that_does_not_stop_when_its_time_is_over_is_left_behind(settings: Settings, board: Board) -> None:
    free = threading.Event()

    async def does_not_stop(ctx: TaskContext) -> int:
        while not free.is_set():
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.02)
        return 1

    process = WorkerProcess(settings.model_copy(update={"stop_grace_s": 0.2}))
    job_id = Bench(process, board).run_body(does_not_stop, budget=Budget(wall_s=0.2))
    free.set()
    process.close()
    assert error_of(board, job_id).code == "budget_exceeded"


async def hangs_once(ctx: TaskContext) -> int:
    if ctx.attempt == 1:
        await asyncio.sleep(60)
    return ctx.attempt


def test_a_body_out_of_time_waits_for_a_person_and_then_has_as_much_again(bench: Bench, board: Board) -> None:
    job_id, outcome = bench.begin_body(hangs_once, budget=Budget(wall_s=1.0, on_limit=OnLimit.APPROVE))
    assert isinstance(outcome.result(PATIENCE_S), Waiting)
    (ask,) = board.record(job_id).asks
    assert (ask.name, ask.facts["limit"]) == (f"budget:{job_id}:1", "wall_s")
    approve(board, job_id)
    bench.again(job_id)
    assert board.record(job_id).result == {"value": 2}


def test_a_body_out_of_time_that_is_denied_more_does_not_run(bench: Bench, board: Board) -> None:
    job_id = bench.run_body(hangs_once, budget=Budget(wall_s=0.3, on_limit=OnLimit.APPROVE))
    approve(board, job_id, decision="deny")
    bench.again(job_id)
    assert error_of(board, job_id).code == "budget_exceeded"


def test_an_attempt_that_begins_out_of_time_does_not_run_its_body(bench: Bench, board: Board) -> None:
    ran: list[int] = []

    async def notes(ctx: TaskContext) -> int:
        ran.append(ctx.attempt)
        raise ConnectionError("again")

    job_id = bench.run_body(notes, budget=Budget(wall_s=0.2))
    ends_at = board.spent(job_id).ends_at
    assert ends_at is not None
    eventually(lambda: int(board.client.time()[0]) + 0.5 > ends_at.timestamp(), what="the end of its time")
    eventually(lambda: board.client.time()[0] + board.client.time()[1] / 1e6 > ends_at.timestamp())
    bench.again(job_id)
    assert (2 in ran, error_of(board, job_id).code) == (False, "budget_exceeded")


# A tenant's day


def test_a_tenant_that_has_spent_its_day_is_told_until_when(bench: Bench, board: Board) -> None:
    board.client.hset(board.keys.tenant("acme"), mapping={"tokens_per_day": "70"})
    error = error_of(board, bench.run_body(spends))
    assert (error.code, error.transient) == ("tenant_budget_exceeded", False)
    assert error.message.startswith("tenant acme on ")
    assert error.message.endswith("a new day begins at 00:00 UTC")
    assert error.retry_after_s is not None
    assert 0 < error.retry_after_s <= 86_400


def test_a_limit_that_is_set_while_a_body_runs_is_felt_from_the_second_call_on(bench: Bench, board: Board) -> None:
    told = threading.Event()

    async def spends_on(ctx: TaskContext) -> int:
        await ctx.spend(Amount(tokens=5))
        await asyncio.to_thread(told.wait)
        await ctx.spend(Amount(tokens=5))
        await ctx.checkpoint("the answer to the second has come")
        await ctx.spend(Amount(tokens=5))
        return 3

    job_id, outcome = bench.begin_body(spends_on)
    eventually(lambda: board.spent(job_id).tokens == 5)
    board.client.hset(board.keys.tenant("acme"), mapping={"tokens_per_day": "1"})
    told.set()
    outcome.result(PATIENCE_S)
    assert error_of(board, job_id).code == "tenant_budget_exceeded"
    assert board.spent(job_id).tokens == 10


def test_a_limit_that_is_no_number_fails_the_job_and_names_the_setting(bench: Bench, board: Board) -> None:
    board.client.hset(board.keys.tenant("acme"), mapping={"tokens_per_day": "plenty"})
    error = error_of(board, bench.run_body(spends))
    assert error.code == "tenant_limit_invalid"
    assert "tokens_per_day of tenant acme is 'plenty'" in error.message


# Families


async def calls_others(ctx: TaskContext) -> list[Any]:
    await ctx.spend(Amount(tokens=20))
    end = await ctx.call("body.async", {"text": remembered(spends)})
    return [end.ok, end.error and end.error.code]


def test_a_child_spends_from_the_budget_of_its_parent(bench: Bench, board: Board) -> None:
    job_id = bench.run_body(calls_others, budget=Budget(tokens=90))
    (child,) = (text(child) for child in board.client.smembers(board.keys.children(job_id)))
    bench.again(child)
    error = error_of(board, child)
    assert error.message == f"job {job_id} has spent 80 of 90 tokens, and 40 more would be needed"
    assert board.spent(job_id).tokens == 80


# Kinds


@task("test.frugal", budget={"tokens": 50})
async def frugal(ctx: TaskContext, request: Text) -> Text:
    await ctx.spend(Amount(tokens=60))
    return request


def test_a_kind_has_a_budget_for_jobs_that_bring_none(bench: Bench, board: Board) -> None:
    assert "has spent 0 of 50 tokens" in error_of(board, bench.run("test.frugal", {"text": "a"})).message
    assert board.state(bench.run("test.frugal", {"text": "b"}, budget=Budget(tokens=60))) is JobState.SUCCEEDED


@pytest.mark.parametrize("budget", [{}, {"tokens": 0}, {"tokens": 5, "coins": 1}])
def test_a_kind_whose_budget_does_not_fit_is_refused(budget: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"the budget of 'test\.never' does not fit"):
        task("test.never", budget=budget)


# Values


REFUSAL = Refusal("tokens", 100, 60, 50, OnLimit.FAIL, job_id="a")
ERRORS = [
    BudgetExceeded(REFUSAL, "so it is"),
    CostUnknown("job a", "it", "say so"),
    TenantLimitInvalid("acme", "tokens_per_day", "x"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
def test_an_error_survives_the_way_to_another_process(error: Any) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (str(again), again.code, vars(again)) == (str(error), error.code, vars(error))


@pytest.mark.parametrize(
    "amount",
    [
        {"tokens": -1},
        {"tokens": 1.5},
        {"tokens": True},
        {"cost_usd": -0.1},
        {"cost_usd": float("nan")},
        {"cost_usd": float("inf")},
        {"model_calls": -1},
        {"tool_calls": "1"},
    ],
)
def test_an_amount_that_is_none_is_refused(amount: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Amount(**amount)


def test_an_attempt_that_gives_its_job_to_another_worker_keeps_what_it_has_spent(bench: Bench, board: Board) -> None:
    job_id, outcome = bench.begin_body(leaves, budget=Budget(tokens=100))
    assert isinstance(outcome.result(PATIENCE_S), HandedOver)
    assert board.spent(job_id).tokens == 60


async def leaves(ctx: TaskContext) -> int:
    await ctx.spend(Amount(tokens=60))
    ctx._parts.ledger.draining = True
    await ctx.checkpoint("half")
    return 1

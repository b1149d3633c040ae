"""Steps: what a body has seen happen, no later attempt does again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter

from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.attempt.ledger import Effect, Ledger
from backdesk.worker.errors import FenceLost, Limited, TaskError
from backdesk.worker.model.asks import LedgerEntry
from backdesk.worker.model.job import Claim, JobState
from backdesk.worker.settings import load_settings
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.scripts import Call
from tests.support.arguments import argument
from tests.support.board import Board
from tests.support.contexts import Unflushed
from tests.support.eventually import PATIENCE_S, eventually
from tests.worker.conftest import Bench

PASSING = ConnectionError("away")


class Till:
    """What the outside world sees of a step."""

    def __init__(self) -> None:
        self.paid: list[int] = []

    async def pay(self, amount: int) -> int:
        self.paid.append(amount)
        return amount

    def pay_def(self, amount: int) -> int:
        self.paid.append(amount)
        return amount


@pytest.fixture
def till() -> Till:
    return Till()


# Once in the life of a job


@pytest.mark.parametrize("effect", ["pure", "idempotent", "unsafe"])
def test_a_step_that_is_done_is_not_done_again(bench: Bench, board: Board, till: Till, effect: str) -> None:
    async def body(ctx: TaskContext) -> int:
        paid: int = await ctx.step("pay", till.pay, 7, effect=effect)
        if ctx.attempt == 1:
            raise PASSING
        return paid

    job_id = bench.run_body(body)
    assert board.state(job_id) is JobState.SCHEDULED
    bench.again(job_id)
    assert (board.result_of(job_id), till.paid) == (7, [7])


@pytest.mark.parametrize("effect", ["pure", "idempotent", "unsafe"])
def test_a_step_of_a_def_body_that_is_done_is_not_done_again(
    bench: Bench, board: Board, till: Till, effect: str
) -> None:
    def body(ctx: BlockingContext) -> int:
        paid: int = ctx.step("pay", till.pay_def, 7, effect=effect)
        if ctx.attempt == 1:
            raise PASSING
        return paid

    job_id = bench.run_body(body)
    bench.again(job_id)
    assert (board.result_of(job_id), till.paid) == (7, [7])


def test_a_step_is_told_with_its_key_and_effect(bench: Bench, board: Board, till: Till) -> None:
    async def body(ctx: TaskContext) -> None:
        ctx.progress(0.5)
        await ctx.step("pay", till.pay, 7, effect="pure")
        ctx.progress(1)

    job_id = bench.run_body(body)
    assert board.event_types(job_id) == ["queued", "started", "progress", "step", "progress", "succeeded"]
    data = board.events(job_id)[3].data
    assert (data["key"], data["effect"]) == ("pay", "pure")
    assert data["seconds"] >= 0


def test_the_idempotency_key_of_a_step_is_the_same_in_every_attempt(bench: Bench, board: Board) -> None:
    keys: list[str] = []

    async def body(ctx: TaskContext) -> None:
        keys.append(ctx.idempotency_key("pay"))
        raise PASSING

    job_id = bench.run_body(body)
    bench.again(job_id)
    assert keys == [f"{job_id}:pay"] * 2


# Types


class Order(BaseModel):
    model_config = ConfigDict(strict=True)

    number: int
    at: datetime
    lines: tuple[str, ...]


@dataclass
class Line:
    name: str
    count: int


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def an_order() -> Order:
    return Order(number=7, at=NOON, lines=("one", "two"))


async def counts() -> dict[int, set[str]]:
    return {1: {"one"}, 2: {"two"}}


def lines() -> list[Line]:
    return [Line("one", 1)]


@pytest.mark.parametrize("call", [an_order, counts, lines])
def test_a_value_comes_back_as_the_type_that_its_step_is_annotated_with(
    bench: Bench, call: Callable[[], object], board: Board
) -> None:
    seen: list[object] = []

    async def body(ctx: TaskContext) -> None:
        seen.append(await ctx.step("one", call))
        if ctx.attempt == 1:
            raise PASSING

    job_id = bench.run_body(body)
    bench.again(job_id)
    assert board.state(job_id) is JobState.SUCCEEDED
    first, again = seen
    assert first == again
    assert type(first) is type(again)
    assert type(first) in {Order, dict, list}


def test_the_type_can_be_named_where_the_step_has_no_annotation(bench: Bench, board: Board) -> None:
    seen: list[Any] = []

    async def body(ctx: TaskContext) -> None:
        seen.append(await ctx.step("one", lambda: [1, 2], returns=tuple[int, ...]))

    bench.run_body(body)
    assert seen == [(1, 2)]


# Keys


def test_a_key_that_is_used_twice_is_refused(bench: Bench, board: Board, till: Till) -> None:
    async def body(ctx: TaskContext) -> str:
        await ctx.step("pay", till.pay, 1)
        with pytest.raises(ValueError, match="used twice"):
            await ctx.step("pay", till.pay, 2)
        return "refused"

    assert board.result_of(bench.run_body(body)) == "refused"
    assert till.paid == [1]


@pytest.mark.parametrize("key", ["", "a b", "a" * 201, ":first", "ü", "new\nline", 7])
def test_a_key_that_cannot_be_kept_is_refused(bench: Bench, board: Board, till: Till, key: Any) -> None:
    async def body(ctx: TaskContext) -> str:
        with pytest.raises(ValueError, match="must be 1 to 200"):
            await ctx.step(key, till.pay, 1)
        return "refused"

    assert board.result_of(bench.run_body(body)) == "refused"
    assert till.paid == []


# What cannot be kept


@pytest.mark.parametrize("value", [object(), float("nan"), "\udcff"])
def test_a_value_that_is_no_json_fails_the_job(bench: Bench, board: Board, value: object) -> None:
    async def body(ctx: TaskContext) -> None:
        await ctx.step("one", lambda: value)

    assert board.code_of(bench.run_body(body)) == "invalid_step_result"


def test_a_value_that_is_too_large_fails_the_job_with_both_sizes(bench: Bench, board: Board) -> None:
    limit = board.settings.max_result_bytes

    async def body(ctx: TaskContext) -> None:
        await ctx.step("one", lambda: "x" * limit)

    job_id = bench.run_body(body)
    assert board.code_of(job_id) == "step_result_too_large"
    error = board.record(job_id).error
    assert error is not None
    assert str(limit) in error.message
    assert str(limit + 2) in error.message


def test_a_value_that_cannot_be_kept_can_be_handled_by_the_body(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> str:
        try:
            await ctx.step("one", object)
        except TaskError as error:
            return error.code
        return "kept"

    assert board.result_of(bench.run_body(body)) == "invalid_step_result"


# Steps that must not be repeated


def asked_for(board: Board, job_id: str) -> dict[str, Any]:
    """The facts with which a person is asked about a step."""
    record = board.record(job_id)
    assert record.state is JobState.WAITING
    (ask,) = record.asks
    assert (ask.type, ask.choices) == ("outcome", ["done", "repeat", "fail"])
    return ask.facts


def unsafe(till: Till, first_error: BaseException) -> Callable[[TaskContext], Awaitable[int]]:
    async def pay() -> int:
        await till.pay(7)
        if len(till.paid) == 1:
            raise first_error
        return 7

    async def body(ctx: TaskContext) -> int:
        paid: int = await ctx.step("pay", pay, effect="unsafe")
        return paid

    return body


@pytest.mark.parametrize("error", [RuntimeError("lost line"), PASSING, Limited(1, "no seat")])
def test_of_an_unsafe_step_that_ends_in_an_error_a_person_is_asked(
    bench: Bench, board: Board, till: Till, error: Exception
) -> None:
    job_id = bench.run_body(unsafe(till, error))
    facts = asked_for(board, job_id)
    assert (facts["step"], facts["attempt"], facts["worker"]) == ("pay", 1, "worker-1")
    assert facts["error"].startswith(type(error).__name__)
    assert board.record(job_id).failures == 0


def test_an_unsafe_step_that_says_itself_that_it_failed_may_be_tried_again(
    bench: Bench, board: Board, till: Till
) -> None:
    job_id = bench.run_body(unsafe(till, TaskError("declined", "not now", category="network", transient=True)))  # type: ignore[arg-type]  # a name reads as the category
    assert (board.state(job_id), board.ledger(job_id)) == (JobState.SCHEDULED, {})
    bench.again(job_id)
    assert (board.result_of(job_id), till.paid) == (7, [7, 7])


def test_a_person_who_says_done_gives_the_value(bench: Bench, board: Board, till: Till) -> None:
    job_id = bench.run_body(unsafe(till, PASSING))
    board.settle(job_id, "outcome:pay", b'{"state":"done","value":8}')
    bench.again(job_id)
    assert (board.result_of(job_id), till.paid) == (8, [7])


def test_a_person_who_says_repeat_has_the_step_run_again(bench: Bench, board: Board, till: Till) -> None:
    job_id = bench.run_body(unsafe(till, PASSING))
    board.settle(job_id, "outcome:pay", b"")
    bench.again(job_id)
    assert (board.result_of(job_id), till.paid) == (7, [7, 7])


def hang(till: Till) -> Callable[[TaskContext], Awaitable[int]]:
    """A body whose unsafe step takes effect and does not come back, the first time."""

    async def pay() -> int:
        await till.pay(7)
        await asyncio.sleep(60 if len(till.paid) == 1 else 0)
        return 7

    async def body(ctx: TaskContext) -> int:
        paid: int = await ctx.step("pay", pay, effect="unsafe")
        return paid

    return body


def test_of_an_unsafe_step_whose_worker_was_lost_a_person_is_asked(bench: Bench, board: Board, till: Till) -> None:
    job_id, _ = bench.begin_body(hang(till))
    eventually(lambda: till.paid)
    bench.lose(job_id)
    bench.again(job_id)
    assert asked_for(board, job_id)["attempt"] == 1
    assert till.paid == [7]


def test_of_an_unsafe_step_that_ran_out_of_time_a_person_is_asked(bench: Bench, board: Board, till: Till) -> None:
    job_id = bench.run_body(hang(till), timeout_ms=1500)
    assert board.record(job_id).failures == 1
    bench.again(job_id)
    assert asked_for(board, job_id)["step"] == "pay"
    assert till.paid == [7]


def test_of_an_unsafe_step_that_was_handed_over_a_person_is_asked(bench: Bench, board: Board, till: Till) -> None:
    job_id, outcome = bench.begin_body(hang(till))
    eventually(lambda: till.paid)
    board.run(board.transitions.stop("worker-1", "hand_over", [job_id]))
    outcome.result(PATIENCE_S)
    assert board.record(job_id).failures == 0
    bench.again(job_id)
    assert asked_for(board, job_id)["step"] == "pay"


# Steps beside each other


def test_steps_beside_each_other_are_all_remembered(bench: Bench, board: Board, till: Till) -> None:
    async def body(ctx: TaskContext) -> list[int]:
        paid = await asyncio.gather(*(ctx.step(f"pay-{n}", till.pay, n, effect="unsafe") for n in range(20)))
        if ctx.attempt == 1:
            raise PASSING
        return list(paid)

    job_id = bench.run_body(body)
    bench.again(job_id)
    assert (board.result_of(job_id), sorted(till.paid)) == (list(range(20)), list(range(20)))


@pytest.mark.parametrize("collect", [False, True])
def test_a_step_beside_one_that_suspends_comes_to_its_end(
    bench: Bench, board: Board, till: Till, *, collect: bool
) -> None:
    go = asyncio.Event()

    async def slow() -> int:
        await go.wait()
        return await till.pay(7)

    async def ask(ctx: TaskContext) -> Any:
        asyncio.get_running_loop().call_later(0.05, go.set)
        return (await ctx.ask("sure", "Sure?")).value

    async def body(ctx: TaskContext) -> list[Any]:
        both = ctx.step("pay", slow, effect="unsafe"), ask(ctx)
        return list(await asyncio.gather(*both, return_exceptions=collect))

    job_id = bench.run_body(body)
    assert board.state(job_id) is JobState.WAITING
    assert board.ledger(job_id)["step:pay"] == {"state": "done", "value": 7}
    board.answer(job_id, "sure", {"value": "yes"})
    bench.again(job_id)
    assert (board.result_of(job_id), till.paid) == ([7, "yes"], [7])


def test_a_step_beside_one_that_fails_comes_to_its_end(bench: Bench, board: Board, till: Till) -> None:
    begun = asyncio.Event()

    async def slow() -> int:
        begun.set()
        await asyncio.sleep(0.05)
        return await till.pay(7)

    async def fail() -> None:
        await begun.wait()
        raise PASSING

    async def body(ctx: TaskContext) -> int:
        if ctx.attempt == 1:
            await asyncio.gather(ctx.step("pay", slow, effect="unsafe"), fail())
        paid: int = await ctx.step("pay", slow, effect="unsafe")
        return paid

    job_id = bench.run_body(body)
    bench.again(job_id)
    assert (board.result_of(job_id), till.paid) == (7, [7])


def test_a_task_group_in_which_one_suspends_waits_for_the_answer(bench: Bench, board: Board, till: Till) -> None:
    async def body(ctx: TaskContext) -> list[Any]:
        async with asyncio.TaskGroup() as group:
            paid = group.create_task(ctx.step("pay", till.pay, 7))
            sure = group.create_task(ctx.ask("sure", "Sure?"))
        return [paid.result(), sure.result().value]

    job_id = bench.run_body(body)
    assert board.state(job_id) is JobState.WAITING
    board.answer(job_id, "sure", {"value": "yes"})
    bench.again(job_id)
    assert board.result_of(job_id) == [7, "yes"]


def test_steps_in_threads_of_a_def_body_come_to_their_ends_when_the_body_asks(
    bench: Bench, board: Board, till: Till
) -> None:
    with ThreadPoolExecutor(2) as pool:
        gate = threading.Event()

        def slow() -> int:
            gate.wait(PATIENCE_S)
            return till.pay_def(7)

        def body(ctx: BlockingContext) -> list[Any]:
            paid = pool.submit(lambda: ctx.step("pay", slow, effect="unsafe"))
            eventually(lambda: "step:pay" in board.ledger(ctx.job_id))
            threading.Timer(0.1, gate.set).start()
            sure = ctx.ask("sure", "Sure?")
            return [paid.result(PATIENCE_S), sure.value]

        job_id = bench.run_body(body)
        assert board.state(job_id) is JobState.WAITING
        assert board.ledger(job_id)["step:pay"]["state"] == "done"
        board.answer(job_id, "sure", {"value": "yes"})
        bench.again(job_id)
    assert (board.result_of(job_id), till.paid) == ([7, "yes"], [7])


# Without the fence


@pytest.mark.parametrize("effect", ["idempotent", "unsafe"])
def test_a_step_of_a_stale_attempt_is_not_kept_and_nothing_follows_it(
    bench: Bench, board: Board, till: Till, effect: str
) -> None:
    async def body(ctx: TaskContext) -> None:
        if ctx.attempt == 1:
            await asyncio.to_thread(bench.lose, ctx.job_id)
            await asyncio.to_thread(board.start, ctx.job_id, "worker-2")
        await ctx.step("pay", till.pay, 7, effect=effect)
        await ctx.step("more", till.pay, 8, effect=effect)

    job_id = bench.run_body(body)
    assert board.state(job_id) is JobState.RUNNING
    assert board.ledger(job_id) == {}
    assert till.paid == ([7] if effect == "idempotent" else [])
    assert {event.type for event in board.events(job_id)} == {"queued", "started", "retrying"}


def test_a_body_that_handles_every_error_still_ends_with_its_fence(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> str:
        await asyncio.to_thread(bench.lose, ctx.job_id)
        try:
            await ctx.step("one", lambda: 1)
        except FenceLost:
            return "handled"
        return "kept"

    job_id = bench.run_body(body)
    assert (board.state(job_id), board.record(job_id).result) == (JobState.QUEUED, None)


# Broken off before it began


def test_an_unsafe_step_that_is_broken_off_while_it_is_announced_is_taken_out_again() -> None:
    """Redis may be away just then; nobody need be asked about a step that has not begun."""
    calls: list[Call[Any]] = []

    def submit(call: Call[Any]) -> Future[Any]:
        calls.append(call)
        return Future()

    claim = Claim("a", "test.echo", "acme", "agents", 1, "fence", b"{}", {}, None, 0)
    transitions = Transitions(load_settings(_env_file=None))
    ledger = Ledger(claim, submit, transitions, progress=Unflushed(), max_bytes=1000)
    begun: list[bool] = []
    step = ledger.step("pay", lambda: begun.append(True), Effect.UNSAFE, TypeAdapter(None))
    next(step)
    with pytest.raises(asyncio.CancelledError):
        step.throw(asyncio.CancelledError())
    announced, taken_out = ((argument(call, "key"), argument(call, "entry")) for call in calls)
    assert LedgerEntry.model_validate_json(announced[1]).state == "started"
    assert taken_out == (announced[0], b"")
    assert begun == []

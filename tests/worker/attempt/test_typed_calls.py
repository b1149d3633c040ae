"""What a step or a child job gives back has the type of what was called: as mypy reads it, and as it comes from JSON.

mypy reads this file as it reads the rest: an `assert_type` that does not hold fails `make check`.
"""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import partial
from typing import Annotated, Any, TypeVar, assert_type

import pytest
from pydantic import BaseModel, TypeAdapter

from backdesk.worker import BlockingContext, ChildCall, ChildEnd, TaskContext, task
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.attempt.step_types import UNTYPED, type_of_step
from backdesk.worker.model.contract import ModelCheck
from backdesk.worker.model.job import JobState
from backdesk.worker.process.state import WorkerProcess
from backdesk.worker.settings import Settings
from backdesk.worker.store.calls import text
from tests.support.board import Board
from tests.support.eventually import PATIENCE_S
from tests.worker.conftest import Bench

T = TypeVar("T")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TODAY = NOON.date()


class Order(BaseModel):
    number: int
    placed: date = TODAY


class Shop:
    async def order(self, number: int, *, placed: date = TODAY) -> Order:
        return Order(number=number, placed=placed)

    def __call__(self, number: int) -> Order:
        return Order(number=number)


async def an_order(number: int, placed: date = TODAY) -> Order:
    return Order(number=number, placed=placed)


def numbers(*lines: str) -> tuple[int, ...]:
    return tuple(len(line) for line in lines)


def same(value: T) -> T:
    return value


def untyped(value):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - what it stands for
    return value


async def steps(ctx: TaskContext) -> list[Any]:
    shop = Shop()
    return [
        assert_type(await ctx.step("a", an_order, 7), Order),
        assert_type(await ctx.step("b", an_order, 7, TODAY, effect="pure"), Order),
        assert_type(await ctx.step("c", numbers, "one", "three"), tuple[int, ...]),
        assert_type(await ctx.step("d", shop.order, 7), Order),
        assert_type(await ctx.step("e", shop, 7), Order),
        assert_type(await ctx.step("f", partial(shop.order, 7, placed=TODAY)), Order),
        assert_type(await ctx.step("g", Order.model_validate, {"number": 7}, returns=Order), Order),
        assert_type(await ctx.step("h", untyped, (1, 2), returns=tuple[int, ...]), tuple[int, ...]),
    ]


def steps_def(ctx: BlockingContext) -> list[Any]:
    return [
        assert_type(ctx.step("a", numbers, "one", "three"), tuple[int, ...]),
        assert_type(ctx.step("b", Shop(), 7), Order),
        assert_type(ctx.step("c", partial(numbers, "one")), tuple[int, ...]),
        assert_type(ctx.step("d", untyped, (1, 2), returns=tuple[int, ...]), tuple[int, ...]),
    ]


async def wrong(ctx: TaskContext) -> None:
    await ctx.step("a", an_order, "seven")  # type: ignore[arg-type]  # mypy must say so
    await ctx.step("b", an_order)  # type: ignore[arg-type, call-arg]  # as above
    await ctx.ask("c")  # type: ignore[call-arg]  # as above
    await ctx.spend(7)  # type: ignore[arg-type]  # as above


@pytest.fixture
def seen() -> list[Any]:
    return []


@pytest.mark.parametrize("attempts", [1, 2])
def test_results_of_steps_come_back_as_they_are_annotated(
    bench: Bench, board: Board, seen: list[Any], attempts: int
) -> None:
    async def body(ctx: TaskContext) -> None:
        seen[:] = await steps(ctx)
        if ctx.attempt < attempts:
            raise ConnectionError("away")

    job_id = bench.run_body(body)
    if attempts == 2:
        bench.again(job_id)
    assert board.state(job_id) is JobState.SUCCEEDED
    order = Order(number=7)
    assert seen == [order, order, (3, 5), order, order, order, order, (1, 2)]


def test_results_of_steps_of_a_def_body_come_back_as_they_are_annotated(
    bench: Bench, board: Board, seen: list[Any]
) -> None:
    def body(ctx: BlockingContext) -> None:
        seen.extend(steps_def(ctx))

    assert board.state(bench.run_body(body)) is JobState.SUCCEEDED
    assert seen == [(3, 5), Order(number=7), (3,), (1, 2)]


@pytest.mark.parametrize("value", [None, True, 7, 1.5, "seven", [1, {"a": None}]])
def test_plain_json_needs_no_annotation(bench: Bench, board: Board, seen: list[Any], value: Any) -> None:
    async def body(ctx: TaskContext) -> None:
        seen.append(await ctx.step("one", lambda: value))

    assert board.state(bench.run_body(body)) is JobState.SUCCEEDED
    assert seen == [value]


@pytest.mark.parametrize("value", [(1, 2), {1: "one"}, {1}, NOON, Order(number=7), [Order(number=7)]])
def test_a_value_whose_type_nothing_names_fails_the_job_with_what_to_do(bench: Bench, board: Board, value: Any) -> None:
    async def body(ctx: TaskContext) -> None:
        await ctx.step("one", lambda: value)

    error = board.record(bench.run_body(body)).error
    assert error is not None
    assert error.code == "invalid_step_result"
    assert "annotate" in error.message


def test_a_type_is_built_once() -> None:
    assert type_of_step(an_order) is type_of_step(an_order)
    assert type_of_step(Shop().order) is type_of_step(Shop().order)
    assert type_of_step(partial(an_order, 7)) is type_of_step(an_order)
    assert type_of_step(untyped, list[Order]) is type_of_step(same, list[Order])


@pytest.mark.parametrize("call", [untyped, same, lambda: 7, min, partial(untyped, 7)])
def test_what_says_nothing_of_its_result_gives_plain_json(call: Any) -> None:
    assert type_of_step(call) is UNTYPED


def test_a_class_gives_its_instances() -> None:
    assert type_of_step(Order).validate_json(b'{"number":7}') == Order(number=7)


def test_an_annotation_without_a_hash_is_no_obstacle() -> None:
    assert isinstance(type_of_step(untyped, Annotated[int, ["cents"]]), TypeAdapter)


def test_a_function_of_a_body_is_not_kept_after_it() -> None:
    def of_a_body() -> list[int]:
        return []

    type_of_step(of_a_body)
    function = weakref.ref(of_a_body)
    del of_a_body
    gc.collect()
    assert function() is None


# Child jobs


class Ask(BaseModel):
    number: int


async def find(ctx: TaskContext, request: Ask) -> Order:
    return Order(number=request.number)


def find_def(ctx: BlockingContext, request: Ask) -> Order:
    return Order(number=request.number)


async def children(ctx: TaskContext) -> None:
    assert_type(await ctx.call(find, Ask(number=7)), ChildEnd[Order])
    assert_type((await ctx.call(find_def, Ask(number=7), timeout=5)).value(), Order)
    assert_type(await ctx.call("test.find", {"number": 7}), ChildEnd[Any])
    assert_type(await ctx.call_all([ChildCall("test.find", {"number": 7})]), list[ChildEnd[Any]])


@pytest.fixture
def process(settings: Settings) -> Iterator[WorkerProcess]:
    """A process that knows the two kinds."""
    for body in (find, find_def):
        task(f"test.{body.__name__}")(body)
    checks = {kind: ModelCheck(spec.queue, spec.request) for kind, spec in REGISTRY.items()}
    process = WorkerProcess(settings, checks)
    yield process
    process.close()
    for body in (find, find_def):
        del REGISTRY[f"test.{body.__name__}"]


@pytest.mark.parametrize("child", [find, find_def])
def test_a_job_called_by_its_body_gives_its_model(bench: Bench, board: Board, seen: list[Any], child: Any) -> None:
    async def body(ctx: TaskContext) -> None:
        by_body, by_name = await asyncio.gather(
            ctx.call(child, Ask(number=7), key="one"), ctx.call(f"test.{child.__name__}", {"number": 8}, key="two")
        )
        seen.extend([by_body.value(), by_name.value()])

    job_id = bench.run_body(body)
    for called in map(text, board.client.smembers(board.keys.children(job_id))):
        bench.begin(called).result(PATIENCE_S)
    bench.again(job_id)
    assert seen == [Order(number=7), {"number": 8, "placed": "2026-03-01"}]


def test_a_body_that_is_no_kind_cannot_be_called(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> None:
        await ctx.call(children_of_nobody, Ask(number=7))

    error = board.record(bench.run_body(body)).error
    assert error is not None
    assert "put @task on it" in error.message


async def children_of_nobody(ctx: TaskContext, request: Ask) -> Order:
    return Order(number=request.number)

"""Questions and calls of other jobs from within a body: the job waits without a slot and goes on from its steps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.errors import InvalidRequest, JobFailed
from backdesk.worker.model.asks import Answer
from backdesk.worker.model.child import ChildCall, ChildEnd
from backdesk.worker.model.contract import ModelCheck
from backdesk.worker.model.job import Cancelled, JobState, Waiting
from backdesk.worker.process.state import WorkerProcess
from backdesk.worker.settings import Settings
from tests.support.board import Board
from tests.support.eventually import PATIENCE_S, eventually
from tests.worker.conftest import Bench


@pytest.fixture
def process(settings: Settings) -> Any:
    process = WorkerProcess(settings, {kind: ModelCheck(spec.queue, spec.request) for kind, spec in REGISTRY.items()})
    yield process
    process.close()


# Questions


async def asks(ctx: TaskContext) -> list[Any]:
    answer = await ctx.ask("size", "What size?", choices=["s", "m"], order=7)
    return [answer.decision, answer.by, ctx.attempt]


def asks_def(ctx: BlockingContext) -> list[Any]:
    answer = ctx.ask("size", "What size?", choices=["s", "m"], order=7)
    return [answer.decision, answer.by, ctx.attempt]


ASKING: list[Callable[[Any], Any]] = [asks, asks_def]


@pytest.mark.parametrize("body", ASKING)
def test_a_body_that_asks_leaves_its_slot_and_goes_on_with_the_answer(
    bench: Bench, board: Board, body: Callable[[Any], Any]
) -> None:
    job_id, outcome = bench.begin_body(body)
    assert isinstance(outcome.result(PATIENCE_S), Waiting)
    (ask,) = board.record(job_id).asks
    assert (ask.type, ask.name, ask.prompt, ask.choices, ask.facts) == (
        "question",
        "size",
        "What size?",
        ["s", "m"],
        {"order": 7},
    )
    board.answer(job_id, "size", Answer(decision="m", by="ada").model_dump())
    bench.again(job_id)
    assert board.result_of(job_id) == ["m", "ada", 2]


async def wants_approval(ctx: TaskContext) -> list[Any]:
    answer = await ctx.approval("refund", "Refund 20?", within=0.2)
    return [answer.approved, answer.decision, answer.timed_out]


def wants_approval_def(ctx: BlockingContext) -> list[Any]:
    answer = ctx.approval("refund", "Refund 20?", within=0.2)
    return [answer.approved, answer.decision, answer.timed_out]


async def wants_a_person(ctx: TaskContext) -> list[Any]:
    given = await asyncio.gather(
        ctx.approval("refund", "Refund 20?", human_only=True), ctx.ask("why", "Why?", human_only=True, amount=20)
    )
    return [each.by for each in given]


def test_an_ask_says_whether_it_is_for_people_alone(bench: Bench, board: Board) -> None:
    job_id = bench.run_body(wants_a_person)
    assert [(ask.human_only, ask.facts) for ask in board.record(job_id).asks] == [(True, {}), (True, {"amount": 20})]
    (event,) = (each for each in board.events(job_id) if each.type == "waiting")
    assert [each["human_only"] for each in event.data["for"]] == [True, True]


APPROVED: list[Callable[[Any], Any]] = [wants_approval, wants_approval_def]


@pytest.mark.parametrize("body", APPROVED)
def test_what_nobody_approves_in_time_is_denied(bench: Bench, board: Board, body: Callable[[Any], Any]) -> None:
    job_id = bench.run_body(body)
    (ask,) = board.record(job_id).asks
    assert (ask.type, ask.choices, ask.on_timeout) == ("approval", ["approve", "deny"], "deny")
    assert not ask.human_only
    eventually(lambda: board.promote() and board.state(job_id) is JobState.QUEUED)
    bench.again(job_id)
    assert board.result_of(job_id) == [False, "deny", True]


@pytest.mark.parametrize("body", APPROVED)
def test_what_a_person_approves_is_approved(bench: Bench, board: Board, body: Callable[[Any], Any]) -> None:
    job_id = bench.run_body(body)
    board.answer(job_id, "refund", Answer(decision="approve", by="ada").model_dump())
    bench.again(job_id)
    assert board.result_of(job_id) == [True, "approve", False]


def test_several_questions_can_be_asked_at_once(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> list[Any]:
        answers = await asyncio.gather(*(ctx.ask(name, "?") for name in ("one", "two")))
        return [answer.value for answer in answers]

    job_id = bench.run_body(body)
    assert {ask.name for ask in board.record(job_id).asks} == {"one", "two"}
    for name in ("two", "one"):
        board.answer(job_id, name, {"value": name})
    bench.again(job_id)
    assert board.result_of(job_id) == ["one", "two"]


def test_a_question_asked_twice_in_one_attempt_is_refused(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> str:
        await ctx.ask("one", "?")
        with pytest.raises(ValueError, match="used twice"):
            await ctx.ask("one", "?")
        return "refused"

    job_id = bench.run_body(body)
    board.answer(job_id, "one", {"value": 1})
    bench.again(job_id)
    assert board.result_of(job_id) == "refused"


def test_a_body_that_is_cancelled_while_it_asks_is_cancelled(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await ctx.ask("one", "?")

    job_id, outcome = bench.begin_body(body)
    bench.started(job_id)
    board.cancel(job_id)
    assert isinstance(outcome.result(PATIENCE_S), Cancelled)
    assert board.state(job_id) is JobState.CANCELLED


# Other jobs


def work_off(bench: Bench, board: Board, *job_ids: str) -> None:
    """Make an attempt at each of these jobs."""
    for job_id in job_ids:
        bench.begin(job_id).result(PATIENCE_S)


def children_of(board: Board, job_id: str) -> list[str]:
    asks = sorted(board.record(job_id).asks, key=lambda ask: ask.name)
    return [ask.facts["job_id"] for ask in asks if ask.type == "child"]


async def calls(ctx: TaskContext) -> Any:
    return (await ctx.call("test.echo", {"text": "hi"})).value()


def calls_def(ctx: BlockingContext) -> Any:
    return ctx.call("test.echo", {"text": "hi"}).value()


CALLING: list[Callable[[Any], Any]] = [calls, calls_def]


@pytest.mark.parametrize("body", CALLING)
def test_a_body_that_calls_another_job_goes_on_with_its_result(
    bench: Bench, board: Board, body: Callable[[Any], Any]
) -> None:
    job_id = bench.run_body(body, tenant="globex", priority=8, metadata=b'{"ticket":7}')
    (child,) = children_of(board, job_id)
    record = board.record(child)
    assert (record.parent, record.tenant, record.priority, record.metadata) == (job_id, "globex", 8, {"ticket": 7})
    work_off(bench, board, child)
    bench.again(job_id)
    assert board.result_of(job_id) == {"text": "hi"}


def test_the_results_of_many_calls_come_in_the_order_of_the_calls(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> list[Any]:
        ends = await ctx.call_all([ChildCall("test.echo", {"text": str(n)}) for n in range(120)])
        return [end.value()["text"] for end in ends]

    job_id = bench.run_body(body)
    children = children_of(board, job_id)
    assert len(set(children)) == 120
    while child := board.take_delivery():
        if child in children:
            claim = board.start(child)
            board.succeed(claim, {"text": board.record(child).request["text"]})
    bench.again(job_id)
    assert board.result_of(job_id) == [str(n) for n in range(120)]


def test_a_child_that_failed_is_a_value(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> list[Any]:
        end: ChildEnd = await ctx.call("test.end", {"text": "task_error"})
        with pytest.raises(JobFailed, match="there is none left"):
            end.value()
        return [end.ok, end.state, end.error and end.error.code]

    job_id = bench.run_body(body)
    work_off(bench, board, *children_of(board, job_id))
    bench.again(job_id)
    assert board.result_of(job_id) == [False, "failed", "no_stock"]


def test_an_attempt_after_a_crash_finds_the_children_of_the_one_before(bench: Bench, board: Board) -> None:
    gone: list[str] = []

    async def body(ctx: TaskContext) -> Any:
        if ctx.attempt == 1:
            await asyncio.gather(ctx.call("test.echo", {}), return_exceptions=True)
            await asyncio.to_thread(bench.lose, ctx.job_id)
            gone.append(ctx.job_id)
        return (await ctx.call("test.echo", {})).value()

    job_id = bench.run_body(body)
    assert gone == [job_id]
    before = board.client.smembers(board.keys.children(job_id))
    bench.again(job_id)
    assert board.client.smembers(board.keys.children(job_id)) == before
    assert len(children_of(board, job_id)) == 1


def test_a_call_that_is_made_again_with_another_request_fails_the_job(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> None:
        if ctx.attempt == 1:
            await asyncio.gather(ctx.call("test.echo", {"text": "1"}), return_exceptions=True)
            raise ConnectionError("away")
        await ctx.call("test.echo", {"text": "2"})

    job_id = bench.run_body(body)
    bench.again(job_id)
    error = board.record(job_id).error
    assert error is not None
    assert (board.state(job_id), error.code) == (JobState.FAILED, "call_changed")


@pytest.mark.parametrize(("kind", "request_"), [("test.echo", {"text": 7}), ("test.never", {})])
def test_a_call_that_no_kind_takes_makes_no_child(bench: Bench, board: Board, kind: str, request_: Any) -> None:
    async def body(ctx: TaskContext) -> str:
        good = ChildCall("test.echo", {})
        with pytest.raises(InvalidRequest):
            await ctx.call_all([good, ChildCall(kind, request_)])
        return "refused"

    job_id = bench.run_body(body)
    assert board.result_of(job_id) == "refused"
    assert not board.client.exists(board.keys.children(job_id))


def test_a_job_that_would_wait_for_too_many_others_makes_none_of_them(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> None:
        await ctx.call_all([ChildCall("test.echo", {})] * (board.settings.max_children + 1))

    job_id = bench.run_body(body)
    error = board.record(job_id).error
    assert error is not None
    assert (error.code, "BACKDESK_MAX_CHILDREN" in error.message) == ("too_many_children", True)
    assert not board.client.exists(board.keys.children(job_id))


def test_a_call_beyond_the_deepest_level_fails_the_job_and_says_why(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> None:
        board.client.hset(board.keys.job(ctx.job_id), "depth", 32)
        await ctx.call("test.echo", {"text": "hi"})

    job_id = bench.run_body(body)
    error = board.record(job_id).error
    assert error is not None
    assert error.code == "too_deep"
    assert "32 levels deep" in error.message
    assert not board.client.exists(board.keys.children(job_id))


def test_a_stale_attempt_calls_nobody(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> None:
        await asyncio.to_thread(bench.lose, ctx.job_id)
        await ctx.call("test.echo", {})

    job_id = bench.run_body(body)
    assert board.state(job_id) is JobState.QUEUED
    assert not board.client.exists(board.keys.children(job_id))


def test_a_body_waits_for_a_person_and_for_another_job_at_once(bench: Bench, board: Board) -> None:
    async def body(ctx: TaskContext) -> list[Any]:
        end, answer = await asyncio.gather(ctx.call("test.echo", {"text": "hi"}), ctx.ask("sure", "Sure?"))
        return [end.value(), answer.value]

    job_id = bench.run_body(body)
    assert {ask.type for ask in board.record(job_id).asks} == {"child", "question"}
    work_off(bench, board, *children_of(board, job_id))
    board.answer(job_id, "sure", {"value": "yes"})
    bench.again(job_id)
    assert board.result_of(job_id) == [{"text": "hi"}, "yes"]


@pytest.mark.parametrize(
    "wrong", [{"order": object()}, {"order": "\udcff"}, {"order": float("nan")}, {"order": "x" * 2_000_000}]
)
def test_facts_that_cannot_be_kept_are_refused_where_the_body_asks(
    bench: Bench, board: Board, wrong: dict[str, Any]
) -> None:
    async def body(ctx: TaskContext) -> str:
        with pytest.raises(ValueError, match=r"."):
            await ctx.ask("one", "?", **wrong)
        return "refused"

    assert board.result_of(bench.run_body(body)) == "refused"


@pytest.mark.parametrize("within", [0, -1, float("inf"), float("nan"), 1e300])
def test_a_time_to_answer_that_is_none_is_refused_where_the_body_asks(
    bench: Bench, board: Board, within: float
) -> None:
    async def body(ctx: TaskContext) -> str:
        with pytest.raises(ValueError, match="a time to answer"):
            await ctx.approval("one", "?", within=within)
        return "refused"

    assert board.result_of(bench.run_body(body)) == "refused"

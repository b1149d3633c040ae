"""A batch gives a result for each item, once and in order, whatever happens to items, workers and memory."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from backdesk.testing import Bench, BenchJob, sandbox
from backdesk.tools import BatchDone, ItemCall, run_batch
from backdesk.tools.batch import running
from backdesk.tools.batch.lines import MOST_RESULT_BYTES
from backdesk.worker import BlockingContext, TaskContext, TaskError, task
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.model.blob import BlobRef
from backdesk.worker.store.keys import Keys
from backdesk.worker.submit.blob_access import blobs_of
from tests.support.eventually import eventually

DONE: list[int] = []
KEYS: dict[int, set[str]] = {}
#: What the next batch does with an item, and with which options.
WORK: Callable[[Any, ItemCall], Any] = lambda item, call: item  # noqa: E731 - replaced by tests
OPTIONS: dict[str, Any] = {}


class Count(BaseModel):
    n: int


def remembered(item: Any, call: ItemCall) -> Any:
    DONE.append(call.index)
    KEYS.setdefault(call.index, set()).add(call.key)
    return WORK(item, call)


def by_threads() -> None:
    @task("batching.run", queue="tools")
    def run(ctx: BlockingContext, request: Count) -> BatchDone:
        return run_batch(ctx, range(request.n), remembered, **OPTIONS)


def by_tasks() -> None:
    async def awaited(item: Any, call: ItemCall) -> Any:
        await asyncio.sleep(0)
        return remembered(item, call)

    @task("batching.run", queue="tools")
    async def run(ctx: TaskContext, request: Count) -> BatchDone:
        return await run_batch(ctx, range(request.n), awaited, **OPTIONS)


@pytest.fixture(params=[by_threads, by_tasks])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    request.param()
    DONE.clear()
    KEYS.clear()
    OPTIONS.clear()
    with Bench() as bench, sandbox():
        yield bench
    for kind in ("batching.run", "batching.large", "batching.from"):
        REGISTRY.pop(kind, None)


def does(monkeypatch: pytest.MonkeyPatch, work: Callable[[Any, ItemCall], Any], **options: Any) -> None:
    monkeypatch.setitem(globals(), "WORK", work)
    OPTIONS.update(options)


def lines(bench: Bench, job: BenchJob) -> list[dict[str, Any]]:
    """The lines of the results of a job."""
    store = blobs_of(bench.settings).store
    ref: BlobRef = job.result.file
    return [json.loads(line) for line in store.read(ref, job.record.tenant).splitlines()]


@pytest.mark.parametrize("parallel", [1, 8])
def test_each_item_has_a_line_in_order(bench: Bench, monkeypatch: pytest.MonkeyPatch, parallel: int) -> None:
    does(monkeypatch, lambda item, call: {"square": item * item}, parallel=parallel)
    job = bench.run("batching.run", {"n": 500})
    assert lines(bench, job) == [{"index": n, "result": {"square": n * n}} for n in range(500)]
    assert (job.result.items, job.result.succeeded, job.result.failed) == (500, 500, 0)


def test_a_batch_of_nothing_has_an_empty_file(bench: Bench) -> None:
    job = bench.run("batching.run", {"n": 0})
    assert (job.result.items, lines(bench, job), job.of("progress")[-1]["fraction"]) == (0, [], 1)


def test_the_error_of_an_item_stands_beside_the_results_of_the_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(item: int, call: ItemCall) -> Any:
        match item:
            case 1:
                raise TaskError("no_stock", "None is left.")
            case 2:
                raise ZeroDivisionError("with api_key=sk-abcdefghijklmnopqrstuvwx1234")
            case 3:
                return object()
            case 4:
                return "x" * (MOST_RESULT_BYTES + 1)
        return item

    does(monkeypatch, work)
    job = bench.run("batching.run", {"n": 6})
    found = lines(bench, job)
    assert [line.get("result") for line in found] == [0, None, None, None, None, 5]
    assert [line["error"]["code"] for line in found[1:5]] == [
        "no_stock",
        "exception",
        "invalid_item_result",
        "item_result_too_large",
    ]
    assert found[1]["error"]["message"] == "None is left."
    assert found[2]["error"]["message"].startswith("ZeroDivisionError: with api_key=")
    assert "sk-abcdef" not in json.dumps(found)
    assert (job.result.succeeded, job.result.failed, [each.index for each in job.result.errors]) == (2, 4, [1, 2, 3, 4])


def test_too_many_failures_fail_the_job(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(item: int, call: ItemCall) -> Any:
        raise TaskError("no_stock", f"None of {item} is left.")

    does(monkeypatch, work, most_failed=2, parallel=1)
    job = bench.run("batching.run", {"n": 1_000})
    assert job.error is not None
    assert (job.error.code, job.error.message) == ("batch_failed", "3 items failed; item 0: None of 0 is left.")
    assert len(DONE) == 3


@pytest.mark.parametrize("parallel", [1, 3])
def test_each_result_is_there_once_and_in_order_whenever_the_worker_dies(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, parallel: int
) -> None:
    monkeypatch.setattr(running, "KEEP_EVERY_S", 0)
    does(monkeypatch, lambda item, call: item * 2, parallel=parallel)
    for after in itertools.count():
        job = bench.submit("batching.run", {"n": 5})
        died = bench.lose(job, after=after)
        bench.go_on(job)
        assert lines(bench, job) == [{"index": n, "result": n * 2} for n in range(5)], after
        assert (job.result.items, job.result.failed) == (5, 0)
        if not died:
            break
    assert after > 5


def test_an_attempt_goes_on_at_the_first_item_that_is_not_written(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "KEEP_EVERY_S", 0)
    does(monkeypatch, lambda item, call: item, parallel=1)
    job = bench.submit("batching.run", {"n": 12})
    bench.lose(job, after=7)
    before = len(DONE)
    bench.go_on(job)
    assert DONE[before:] == [*range(7, 12)]
    assert all(len(keys) == 1 for keys in KEYS.values()), "an item is named anew"
    assert len({key for keys in KEYS.values() for key in keys}) == 12


def test_counts_go_on_over_attempts(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(item: int, call: ItemCall) -> Any:
        if item % 2:
            raise KeyError(item)
        return item

    monkeypatch.setattr(running, "KEEP_EVERY_S", 0)
    does(monkeypatch, work, parallel=1)
    job = bench.submit("batching.run", {"n": 10})
    bench.lose(job, after=6)
    bench.go_on(job)
    assert (job.result.items, job.result.succeeded, job.result.failed) == (10, 5, 5)


def test_items_that_must_not_be_repeated_are_done_once_whenever_the_worker_dies(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "KEEP_EVERY_S", 0)
    does(monkeypatch, lambda item, call: item, effect="unsafe")
    for after in itertools.count():
        DONE.clear()
        job = bench.submit("batching.run", {"n": 4})
        died = bench.lose(job, after=after)
        while bench.go_on(job).state == "waiting":
            (ask,) = job.asks
            begun = int(ask.facts["step"].rpartition("/")[2])
            if begun in DONE:
                bench.resolve(job, "done", begun)
            else:
                bench.resolve(job, "repeat")
        assert [line["result"] for line in lines(bench, job)] == [0, 1, 2, 3]
        assert DONE == [0, 1, 2, 3]
        if not died:
            break
    assert after > 8


def test_more_of_those_than_a_ledger_takes_are_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "MOST_UNSAFE", 3)
    does(monkeypatch, lambda item, call: item, effect="unsafe")
    error = bench.run("batching.run", {"n": 4}).error
    assert error is not None
    assert error.code == "batch_too_large"


def test_what_an_attempt_that_had_lost_the_job_has_written_is_found_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    strayed = False

    def work(item: int, call: ItemCall) -> Any:
        nonlocal strayed
        if item == 7 and not strayed:
            strayed = True
            store = blobs_of(bench.settings).store
            store.parts("batch", tenant="default", job=job.id).put(2, b"of a dead attempt\n")
        return item

    monkeypatch.setattr(running, "KEEP_EVERY_S", 0)
    does(monkeypatch, work, parallel=1)
    job = bench.submit("batching.run", {"n": 12})
    bench.go_on(job)
    assert strayed
    assert [line["result"] for line in lines(bench, job)] == [*range(12)]
    assert [*range(8), *range(12)] == DONE or [*range(12), *range(12)] == DONE


def test_progress_tells_how_many_of_how_many(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "REPORT_EVERY_S", 0)
    does(monkeypatch, lambda item, call: {}[item] if item == 3 else item, parallel=1)
    job = bench.run("batching.run", {"n": 10})
    told = job.of("progress")
    assert [data["done"] for data in told] == [*range(11), 10]
    assert told[5] == {"fraction": 0.5, "message": "5 of 10 items, 1 failed", "done": 5, "failed": 1, "total": 10}


def test_redis_has_the_place_and_nothing_of_the_items(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "KEEP_EVERY_S", 0)
    does(monkeypatch, lambda item, call: "a long result " * 100, parallel=1)
    job = bench.submit("batching.run", {"n": 30})
    bench.lose(job, after=20)
    checkpoint = bench._redis.get(Keys(bench.settings.prefix).checkpoint(job.id))
    assert isinstance(checkpoint, bytes)
    assert json.loads(checkpoint)["batch"]["items"] == 20
    assert len(checkpoint) < 100
    bench.go_on(job)


def test_a_hundred_thousand_items_take_no_memory_to_speak_of(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    most = 0

    def work(item: int, call: ItemCall) -> str:
        nonlocal most
        if item % 2_000 == 0:
            most = max(most, resident_kb())
            DONE.clear()
            KEYS.clear()
        return "x" * 500

    does(monkeypatch, work, parallel=2)
    before = resident_kb()
    job = bench.run("batching.run", {"n": 100_000})
    assert job.result.file.bytes > 50_000_000
    assert most - before < 40_000, "kilobytes more than before"


def resident_kb() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def test_a_cancel_ends_a_batch_in_the_middle(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    hold = threading.Event()
    does(monkeypatch, lambda item, call: hold.wait(0.01) or item, parallel=2)
    job = bench.submit("batching.run", {"n": 100_000})
    attempt = threading.Thread(target=bench.attempt, args=(job,))
    attempt.start()
    eventually(lambda: len(DONE) > 20, what="some items")
    bench.cancel(job)
    attempt.join(30)
    assert not attempt.is_alive()
    assert job.state == "cancelled"
    assert len(DONE) < 50_000


@pytest.mark.parametrize("parallel", [0, 65])
def test_no_or_too_many_threads_are_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch, parallel: int) -> None:
    does(monkeypatch, lambda item, call: item, parallel=parallel)
    assert bench.run("batching.run", {"n": 1}).state == "failed"


def test_items_may_be_given_from_an_index_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def items(index: int) -> Iterator[int]:
        asked.append(index)
        return iter(range(index, 8))

    monkeypatch.setattr(running, "KEEP_EVERY_S", 0)

    @task("batching.from", queue="tools")
    def run(ctx: BlockingContext, request: Count) -> BatchDone:
        return run_batch(ctx, items, remembered, total=8, parallel=1)

    job = bench.submit("batching.from", {"n": 0})
    bench.lose(job, after=5)
    bench.go_on(job)
    assert asked == [0, 5]
    assert [line["index"] for line in lines(bench, job)] == [*range(8)]


only_tasks = pytest.mark.parametrize("bench", [by_tasks], indirect=True)


def asynchronous(items: Any, work: Callable[[Any, ItemCall], Awaitable[Any]], **options: Any) -> None:
    @task("batching.from", queue="tools")
    async def run(ctx: TaskContext, request: Count) -> BatchDone:
        return await run_batch(ctx, items, work, **options)


@only_tasks
def test_items_of_an_event_loop_wait_for_each_other_no_more_than_they_must(bench: Bench) -> None:
    at_once, most = 0, 0

    async def work(item: int, call: ItemCall) -> int:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.2 if item == 0 else 0.001)
        at_once -= 1
        return item

    asynchronous(range(60), work, parallel=4)
    job = bench.run("batching.from", {"n": 0})
    assert [line["result"] for line in lines(bench, job)] == [*range(60)]
    assert most == 4


@only_tasks
def test_items_may_come_to_be_awaited_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def items() -> AsyncIterator[int]:
        for each in range(12):
            await asyncio.sleep(0)
            yield each

    async def work(item: int, call: ItemCall) -> int:
        DONE.append(call.index)
        return item

    class Anew:
        def __aiter__(self) -> AsyncIterator[int]:
            return items()

    monkeypatch.setattr(running, "KEEP_EVERY_S", 0)
    asynchronous(Anew(), work, parallel=1)
    job = bench.submit("batching.from", {"n": 0})
    assert bench.lose(job, after=5)
    bench.go_on(job)
    assert [(line["index"], line["result"]) for line in lines(bench, job)] == [(n, n) for n in range(12)]
    assert DONE.count(0) == 1


@only_tasks
def test_an_item_that_cancels_itself_is_an_error_of_that_item(bench: Bench) -> None:
    async def work(item: int, call: ItemCall) -> int:
        if item == 3:
            raise asyncio.CancelledError
        return item

    asynchronous(range(6), work, parallel=2)
    job = bench.run("batching.from", {"n": 0})
    assert [line.get("error", {}).get("code") for line in lines(bench, job)][2:5] == [None, "cancelled_itself", None]


@only_tasks
def test_nothing_of_a_batch_goes_on_when_its_job_is_cancelled(bench: Bench) -> None:
    began, ended = 0, 0

    async def work(item: int, call: ItemCall) -> None:
        nonlocal began, ended
        began += 1
        try:
            await asyncio.sleep(60)
        finally:
            ended += 1

    asynchronous(range(100), work, parallel=5)
    job = bench.submit("batching.from", {"n": 0})
    attempt = threading.Thread(target=bench.attempt, args=(job,))
    attempt.start()
    eventually(lambda: began == 5, what="the first items")
    bench.cancel(job)
    attempt.join(30)
    assert job.state == "cancelled"
    assert (began, ended) == (5, 5)

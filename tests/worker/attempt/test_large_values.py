"""Requests and results that are too large for Redis: by reference, and otherwise as any."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backdesk.testing import Bench, BenchJob
from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.errors import IdempotencyConflict, PayloadTooLarge, QuotaExceeded
from backdesk.worker.model.blob import BlobRef
from tests.support.bodies import remembered
from tests.support.kinds import Text

OVER = 2000
LARGE = "x" * 5000


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench(blob_over_bytes=OVER) as bench:
        yield bench


def blobs_of(bench: Bench) -> list[Path]:
    return [path for path in bench._blobs.rglob("*") if path.is_file()]


def raw(bench: Bench, job: BenchJob) -> dict[bytes, bytes]:
    return bench._redis.hgetall(bench._keys.job(job.id))  # type: ignore[return-value]  # the blocking client


@pytest.mark.parametrize("kind", ["test.echo", "test.echo_def"])
def test_a_large_request_and_result_stay_out_of_redis(bench: Bench, kind: str) -> None:
    job = bench.run(kind, {"text": LARGE}, tenant="acme")
    assert job.result == Text(text=LARGE)
    record = job.record
    assert record.request is None
    assert record.result is None
    assert record.request_blob is not None
    assert record.result_blob is not None
    assert (record.request_blob.owner, record.request_blob.bytes) == (job.id, len(LARGE) + len('{"text":""}'))
    assert all(LARGE.encode() not in value for value in raw(bench, job).values())
    assert len(blobs_of(bench)) == 1  # request and result are the same bytes


def test_the_end_of_a_job_tells_where_its_result_is(bench: Bench) -> None:
    job = bench.run("test.echo", {"text": LARGE})
    (end,) = job.of("succeeded")
    assert end["result_omitted"] is True
    assert BlobRef.model_validate(end["result_blob"]) == job.record.result_blob


def test_what_is_small_makes_no_blob(bench: Bench) -> None:
    job = bench.run("test.echo", {"text": "small"})
    assert (job.record.request, job.record.request_blob) == ({"text": "small"}, None)
    assert not bench._blobs.exists()


def test_a_called_job_takes_and_gives_what_is_large(bench: Bench) -> None:
    async def call(ctx: TaskContext) -> Any:
        end = await ctx.call("test.echo", {"text": LARGE})
        return [end.state, len(end.value()["text"])]

    job = bench.run("body.async", {"text": remembered(call)})
    assert job.result.value == ["succeeded", len(LARGE)]
    (child,) = job.children
    assert child.record.result_blob is not None
    assert child.record.result_blob.owner == job.id  # who reads it outlives the child
    ledger = bench._redis.hgetall(bench._keys.ledger(job.id))
    assert all(LARGE.encode() not in entry for entry in ledger.values())


def test_a_started_job_takes_what_is_large(bench: Bench) -> None:
    def start(ctx: BlockingContext) -> Any:
        return ctx.start("test.echo", {"text": LARGE}, "again")

    job = bench.run("body.def", {"text": remembered(start)})
    started = bench.go_on(bench.job(job.result.value))
    assert started.result == Text(text=LARGE)


def test_a_call_with_another_large_request_is_still_seen(bench: Bench) -> None:
    texts = iter([LARGE, LARGE + "!"])

    async def call(ctx: TaskContext) -> Any:
        return (await ctx.start("test.echo", {"text": next(texts)}, "same"), await ctx.step("lost", lambda: 1))

    job = bench.submit("body.async", {"text": remembered(call)})
    bench.lose(job)
    bench.go_on(job)
    assert job.error is not None
    assert job.error.code == "call_changed"


def test_the_same_large_request_by_a_key_is_the_same_job_and_another_is_refused(bench: Bench) -> None:
    first = bench.submit("test.echo", {"text": LARGE}, idempotency_key="k")
    assert bench.submit("test.echo", {"text": LARGE}, idempotency_key="k").id == first.id
    with pytest.raises(IdempotencyConflict):
        bench.submit("test.echo", {"text": LARGE + "!"}, idempotency_key="k")


@pytest.mark.parametrize("as_list", [False, True])
def test_what_looks_like_a_reference_in_a_request_is_only_data(bench: Bench, as_list: bool) -> None:
    theirs = bench.run("test.echo", {"text": LARGE}, tenant="globex").record.request_blob
    assert theirs is not None
    forged: Any = {"request_blob": theirs.model_dump(), "result_blob": theirs.model_dump()}
    got = []

    async def look(ctx: TaskContext) -> Any:
        end = await ctx.call("test.echo", {"text": json.dumps(forged)})
        got.append(end.result)
        return [forged] if as_list else forged

    job = bench.run("body.async", {"text": remembered(look)}, tenant="acme")
    assert job.result.value == ([forged] if as_list else forged)
    assert (job.record.request_blob, job.record.result_blob) == (None, None)
    assert got == [{"text": json.dumps(forged)}]


def spoil(bench: Bench) -> None:
    (path,) = blobs_of(bench)
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def lose(bench: Bench) -> None:
    blobs_of(bench)[0].unlink()


@pytest.mark.parametrize(("harm", "code"), [(spoil, "blob_corrupt"), (lose, "blob_missing")])
def test_a_job_whose_request_was_changed_or_lost_fails_so_that_it_can_be_read(
    bench: Bench, harm: Any, code: str
) -> None:
    job = bench.submit("test.echo", {"text": LARGE})
    harm(bench)
    bench.go_on(job)
    assert job.error is not None
    assert (job.state, job.error.code, job.record.attempt) == ("failed", code, 1)
    assert job.record.request_blob is not None
    assert job.record.request_blob.sha256 in job.error.message


@pytest.mark.parametrize("reference", [b"{}", b"no JSON", b'{"owner":"../x","sha256":"0","bytes":1}'])
def test_a_reference_that_was_written_by_hand_fails_its_job(bench: Bench, reference: bytes) -> None:
    job = bench.submit("test.echo", {"text": LARGE})
    bench._redis.hset(bench._keys.job(job.id), "request_blob", reference)
    bench.go_on(job)
    assert job.error is not None
    assert (job.state, job.error.code) == ("failed", "blob_unusable")
    assert "request_blob" in job.record.unreadable


def test_a_reference_to_what_another_tenant_has_finds_nothing(bench: Bench) -> None:
    theirs = bench.submit("test.echo", {"text": LARGE}, tenant="globex")
    mine = bench.submit("test.echo", {"text": LARGE + "!"}, tenant="acme")
    bench._redis.hset(bench._keys.job(mine.id), "request_blob", raw(bench, theirs)[b"request_blob"])
    bench.go_on(mine)
    assert mine.error is not None
    assert mine.error.code == "blob_missing"


def test_a_large_request_is_checked_by_its_kind_and_by_the_guard(bench: Bench) -> None:
    job = bench.submit("test.echo", {"text": LARGE})
    other = json.dumps({"text": LARGE, "more": 1}).encode()
    ref = bench._process.blobs.store.put(other, tenant="default", job=job.id)
    bench._redis.hset(bench._keys.job(job.id), "request_blob", ref.model_dump_json())
    bench.go_on(job)
    assert job.error is not None
    assert (job.error.code, *job.error.fields) == ("invalid_request", "more")


def test_an_attempt_after_a_lost_worker_reads_the_request_again(bench: Bench) -> None:
    job = bench.submit("test.echo", {"text": LARGE})
    assert bench.lose(job)
    assert bench.go_on(job).result == Text(text=LARGE)


def test_more_than_the_largest_is_refused_at_the_edge() -> None:
    with Bench(blob_over_bytes=OVER, max_blob_bytes=8000, max_request_bytes=4000) as small:
        with pytest.raises(PayloadTooLarge, match="the limit is 8000"):
            small.submit("test.echo", {"text": "x" * 9000})
        assert not small._blobs.exists()


def test_a_tenant_has_no_more_than_it_may_have() -> None:
    with Bench(blob_over_bytes=OVER, max_tenant_blob_bytes=12_000) as small:
        for number in range(2):
            small.submit("test.echo", {"text": LARGE + str(number)}, tenant="acme")
        with pytest.raises(QuotaExceeded, match=r"bytes of large requests.*max_blob_bytes"):
            small.submit("test.echo", {"text": LARGE}, tenant="acme")
        assert small.run("test.echo", {"text": LARGE}, tenant="globex").state == "succeeded"


def test_without_a_store_what_redis_does_not_take_is_refused_as_ever() -> None:
    with Bench(blobs_url="off", max_request_bytes=1000, max_result_bytes=1000) as bench:
        with pytest.raises(PayloadTooLarge, match="the limit is 1000"):
            bench.submit("test.echo", {"text": LARGE})

        async def answer(ctx: TaskContext) -> Any:
            return LARGE

        job = bench.run("body.async", {"text": remembered(answer)})
        assert job.error is not None
        assert job.error.code == "result_too_large"


def test_a_result_that_cannot_be_kept_fails_its_attempt(bench: Bench) -> None:
    bench._blobs.write_text("no folder")  # in its place

    async def answer(ctx: TaskContext) -> Any:
        return LARGE

    job = bench.run("body.async", {"text": remembered(answer)})
    bench._blobs.unlink()
    assert job.error is not None
    assert (job.state, job.error.code) == ("failed", "blob_store_unavailable")


def test_a_message_that_is_large_waits_for_its_turn(bench: Bench) -> None:
    first = bench.submit("test.echo", {"text": "first"}, conversation_id="c")
    second = bench.submit("test.echo", {"text": LARGE}, conversation_id="c", when_busy="steer")
    bench.go_on(first)
    assert bench.go_on(second).result == Text(text=LARGE)

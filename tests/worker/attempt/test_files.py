from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backdesk.testing import Bench
from backdesk.worker.attempt.context import BlockingContext, TaskContext
from backdesk.worker.model.blob import BlobRef
from tests.support.bodies import remembered


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench() as bench:
        yield bench


TABLE = b"a;b\n" * 1000


def asked(body: Any) -> dict[str, str]:
    return {"text": remembered(body)}


def written_by(bench: Bench, tenant: str = "acme") -> BlobRef:
    async def write(ctx: TaskContext) -> Any:
        return await ctx.keep_file(TABLE, "table.csv")

    return BlobRef.model_validate(bench.run("body.async", asked(write), tenant=tenant).result.value)


def test_a_file_that_a_body_keeps_is_a_part_of_its_result_and_told_of(bench: Bench) -> None:
    async def write(ctx: TaskContext) -> Any:
        return await ctx.keep_file(iter([TABLE, TABLE]), "table.csv")

    job = bench.run("body.async", asked(write), tenant="acme")
    ref = BlobRef.model_validate(job.result.value)
    assert (ref.owner, ref.bytes, ref.media_type, ref.name) == (job.id, 2 * len(TABLE), "text/csv", "table.csv")
    (told,) = [event.data for event in job.events if event.type == "file_kept"]
    assert BlobRef.model_validate(told["file"]) == ref


@pytest.mark.parametrize("kind", ["body.async", "body.def"])
def test_a_job_reads_the_file_of_another_of_its_tenant(bench: Bench, tmp_path: Path, kind: str) -> None:
    ref = written_by(bench)

    async def read(ctx: TaskContext) -> Any:
        await ctx.save_file(ref, tmp_path / "saved")
        return [(await ctx.read_file(ref)).decode(), await ctx.file_link(ref)]

    def read_def(ctx: BlockingContext) -> Any:
        ctx.save_file(ref, tmp_path / "saved")
        return [ctx.read_file(ref).decode(), ctx.file_link(ref)]

    job = bench.run(kind, asked(read if kind == "body.async" else read_def), tenant="acme")
    assert job.result.value == [TABLE.decode(), None]
    assert (tmp_path / "saved").read_bytes() == TABLE


def test_a_job_of_another_tenant_finds_no_file_and_fails_so_that_it_can_be_read(bench: Bench) -> None:
    ref = written_by(bench)

    async def read(ctx: TaskContext) -> Any:
        return (await ctx.read_file(ref)).decode()

    job = bench.run("body.async", asked(read), tenant="globex")
    assert job.error is not None
    assert (job.state, job.error.code, job.error.transient) == ("failed", "blob_missing", False)


def test_parts_outlive_a_lost_worker(bench: Bench) -> None:
    written = []

    def write(ctx: BlockingContext) -> Any:
        parts = ctx.file_parts("export")
        for number in range(3):
            if number not in parts.there():
                parts.put(number, f"part {number}\n".encode())
                written.append(number)
            ctx.checkpoint(number)
        return ctx.step("compose", lambda: parts.compose(3, name="all.txt"), returns=BlobRef)

    job = bench.submit("body.def", asked(write), tenant="acme")
    bench.lose(job, after=2)
    ref = BlobRef.model_validate(bench.go_on(job).result.value)
    assert (ref.bytes, written) == (21, [0, 1, 2])


def test_a_bench_leaves_no_file_behind() -> None:
    with Bench() as bench:
        written_by(bench)
        assert bench._blobs.is_dir()
    assert not bench._blobs.exists()

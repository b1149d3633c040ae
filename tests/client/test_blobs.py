"""Large requests and results as producers see them, by both clients."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import redis
from pydantic_core import from_json

import tests.support.kinds  # noqa: F401 - registers the kinds
from backdesk.client.operations.erasure import ErasureOperations
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.blobs.access import BlobAccess
from backdesk.worker.blobs.keys import tenant_of
from backdesk.worker.errors import BlobNotFound, IdempotencyConflict, PayloadTooLarge
from backdesk.worker.model.job import Succeeded
from backdesk.worker.model.schedule import owner_of
from backdesk.worker.services.blob_sweeper import BlobSweeper
from backdesk.worker.services.scheduler import Scheduler
from backdesk.worker.settings import Settings
from backdesk.worker.submit.blob_access import blobs_of
from backdesk.worker.submit.claim_check import check_in_result
from tests.client.conftest import Connect
from tests.support.board import Board
from tests.support.clients import Client
from tests.support.workers import fast_settings

LARGE = {"text": "x" * 5000}


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return fast_settings(settings.url, blobs_url=(tmp_path / "blobs").as_uri(), blob_over_bytes=2000)


@pytest.fixture
def blobs(settings: Settings) -> BlobAccess:
    return blobs_of(settings)


async def submitted(jobs: Client, **options: Any) -> str:
    job_id: str = (await jobs.submit("test.echo", LARGE, **options)).id
    return job_id


async def test_a_large_request_goes_by_reference(jobs: Client, client: redis.Redis, board: Board) -> None:
    record = await jobs.get(await submitted(jobs, tenant="acme"))
    assert record.request is None
    assert await jobs.blobs.of(record.id) == [record.request_blob]
    assert record.request_blob is not None
    assert await jobs.blobs.read(record.request_blob, tenant="acme") == b'{"text":"%b"}' % LARGE["text"].encode()
    raw: dict[bytes, bytes] = client.hgetall(board.keys.job(record.id))  # type: ignore[assignment]  # blocking
    assert sum(map(len, raw.values())) < 1000


async def test_a_large_request_is_listed_with_its_size(jobs: Client) -> None:
    await submitted(jobs)
    (row,) = await jobs.list(fields="row")
    assert row.subject == "5,011 bytes, kept as a blob"


async def test_the_same_large_request_by_a_key_is_one_job(jobs: Client) -> None:
    first = await submitted(jobs, idempotency_key="k")
    assert await submitted(jobs, idempotency_key="k") == first
    with pytest.raises(IdempotencyConflict):
        await jobs.submit("test.echo", {"text": "y" * 5000}, idempotency_key="k")


async def test_many_requests_go_each_as_it_is_large(jobs: Client) -> None:
    made = await jobs.submit_many("test.echo", [LARGE, {"text": "small"}, LARGE], batch="b")
    records = [await jobs.get(job.id) for job in made]
    assert [record.request_blob is not None for record in records] == [True, False, True]
    again = await jobs.submit_many("test.echo", [LARGE, {"text": "small"}, LARGE], batch="b")
    assert [job.created for job in again] == [False] * 3


async def test_a_large_result_is_read_by_who_waits_for_it(jobs: Client, board: Board, blobs: BlobAccess) -> None:
    claim = board.start(await submitted(jobs))
    result = b'{"text":"%b"}' % (b"y" * 5000)
    reference = check_in_result(result, blobs.store, tenant=claim.tenant, job=claim.job_id)
    board.finish(claim, Succeeded(result, blob=reference))
    assert await jobs.result(claim.job_id) == {"text": "y" * 5000}
    *_, end = await jobs.events(claim.job_id)
    assert end.data == {"result_omitted": True, "result_blob": from_json(reference)}


@pytest.mark.parametrize("edited", [None, {"text": "mended"}])
async def test_a_dead_letter_is_replayed_with_its_large_request(
    jobs: Client, board: Board, edited: dict[str, str] | None
) -> None:
    dead = await submitted(jobs, tenant="acme")
    board.fail(board.start(dead))
    record = await jobs.get((await jobs.dead.replay(dead, request=edited)).id)
    if edited:
        assert record.request == edited
    else:
        assert record.request_blob is not None
        assert record.request_blob.owner == record.id
        assert len(await jobs.blobs.read(record.request_blob, tenant="acme")) == record.request_blob.bytes


async def test_a_dead_letter_whose_request_is_gone_says_so_and_holds_up_no_other(
    jobs: Client, board: Board, blobs: BlobAccess
) -> None:
    gone, there = await submitted(jobs), await submitted(jobs)
    for job_id in (gone, there):
        board.fail(board.start(job_id))
    blobs.store.forget(gone, "default")
    done = {each.origin: each for each in await jobs.dead.replay_many()}
    assert isinstance(done[gone].refused, BlobNotFound)
    assert done[there].created


async def test_a_job_is_rewound_with_its_large_request(jobs: Client, board: Board) -> None:
    job_id = await submitted(jobs)
    board.fail(board.start(job_id))
    record = await jobs.get((await jobs.rewind(job_id, to=0)).id)
    assert record.request_blob is not None
    assert record.request_blob.owner == record.id


async def test_without_a_store_it_is_refused(connected: Connect) -> None:
    with pytest.raises(PayloadTooLarge):
        await connected(blobs_url="off", max_request_bytes=2000).submit("test.echo", LARGE)


async def test_a_blob_is_saved_and_a_folder_has_no_link(jobs: Client, tmp_path: Path) -> None:
    (ref,) = await jobs.blobs.of(await submitted(jobs))
    await jobs.blobs.save(ref, tmp_path / "request.json")
    assert (tmp_path / "request.json").stat().st_size == ref.bytes
    assert await jobs.blobs.link(ref) is None


async def test_a_schedule_with_a_large_request_keeps_it_among_the_blobs_and_each_job_has_its_own(
    jobs: Client, board: Board, client: redis.Redis
) -> None:
    kept = await jobs.schedules.add("nightly", "test.echo", LARGE, every=60, tenant="acme")
    again = await jobs.schedules.add("nightly", "test.echo", LARGE, every=60, tenant="acme")
    assert (kept.added, again.added, again.replaced) == (True, False, False)
    assert kept.record.request is None
    assert kept.record.request_blob is not None
    assert len(client.hget(board.keys.schedules, "nightly") or b"") < 1000
    scheduler = Scheduler(client, board.settings, REGISTRY, lambda: True, lambda: int(time.time() * 1000) + 61_000)
    scheduler.tick()
    fired = (await jobs.schedules.get("nightly")).last_job
    for job_id in (fired, (await jobs.schedules.run("nightly")).id):
        record = await jobs.get(job_id or "")
        assert record.request_blob is not None
        assert record.request_blob.owner == job_id
        assert from_json(await jobs.blobs.read(record.request_blob, tenant="acme")) == LARGE


async def test_the_large_request_of_a_schedule_stays_until_that_is_replaced_or_removed(
    jobs: Client, board: Board, blobs: BlobAccess
) -> None:
    def left() -> set[str]:
        later = time.time() + 86_400
        BlobSweeper(board.client, board.settings, lambda: True, clock=lambda: later).tick()
        return {owner.partition("/")[2] for owner in blobs.store.owners()}

    first = (await jobs.schedules.add("nightly", "test.echo", LARGE, every=60)).record
    assert left() == {owner_of(first)}
    second = (await jobs.schedules.add("nightly", "test.echo", {"text": "y" * 5000}, every=60, replace=True)).record
    assert left() == {owner_of(second)} != {owner_of(first)}
    await jobs.schedules.remove("nightly")
    assert left() == set()


@pytest.mark.parametrize("changes", [{"blobs_url": "off"}, {"max_blob_bytes": 2000}])
async def test_a_schedule_whose_request_is_too_large_at_all_is_refused_with_the_limit(
    connected: Connect, changes: dict[str, Any]
) -> None:
    jobs = connected(max_request_bytes=2000, **changes)
    with pytest.raises(PayloadTooLarge, match="the limit is 2000"):
        await jobs.schedules.add("nightly", "test.echo", LARGE, every=60)


async def test_what_tenants_have_is_told(jobs: Client) -> None:
    await submitted(jobs, tenant="acme")
    await submitted(jobs, tenant="acme")
    assert await jobs.blobs.sizes() == {"acme": 2 * 5011}


async def test_a_customer_is_erased_with_the_large_files_that_they_sent(
    jobs: Client, board: Board, blobs: BlobAccess
) -> None:
    for customer in ("cust-8", "cust-9"):
        file = await jobs.attachments.add(customer.encode() * 1000, tenant="acme")
        board.submit(f"of-{customer}", tenant="acme", request={"customer_id": customer, "files": [file.id]})
        board.succeed(board.start(f"of-{customer}"))
    operations = ErasureOperations(jobs.core)
    counts = await jobs.do(operations.remove("acme", (await jobs.do(operations.find("acme", "cust-8")))))
    assert counts["attachments"] == 1
    assert [*blobs.store.owners("acme")] == [f"{tenant_of('acme')}/attachment={(file.id or '').removeprefix('att-')}"]


async def test_a_customer_is_erased_from_what_is_large(jobs: Client, board: Board, blobs: BlobAccess) -> None:
    for customer in ("cust-8", "cust-9"):
        request = b'{"customer_id":"%b","text":"%b"}' % (customer.encode(), b"x" * 5000)
        ref = blobs.store.put(request, tenant="acme", job=f"of-{customer}")
        board.submit(f"of-{customer}", tenant="acme", request=None, request_blob=ref.model_dump_json())
        board.succeed(board.start(f"of-{customer}"))
    operations = ErasureOperations(jobs.core)
    found = await jobs.do(operations.find("acme", "cust-8"))
    assert found.jobs == ["of-cust-8"]
    counts = await jobs.do(operations.remove("acme", found))
    assert (counts["jobs"], counts["blobs"]) == (1, 1)
    assert {owner.partition("/")[2] for owner in blobs.store.owners()} == {"of-cust-9"}

"""Large values of archived jobs: they stay as long as the archive has their job, and go with it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from backdesk.archive.database import SqlArchive
from backdesk.client.operations.erasure import ErasureOperations
from backdesk.worker.blobs.store import BlobStore
from backdesk.worker.errors import ArchiveUnavailable, BlobNotFound
from backdesk.worker.model.job import Succeeded
from backdesk.worker.services.blob_sweeper import BlobSweeper
from backdesk.worker.settings import Settings
from backdesk.worker.submit.blob_access import blobs_of
from backdesk.worker.submit.claim_check import check_in_result
from tests.support.archives import Mover
from tests.support.board import Board
from tests.support.clients import Client
from tests.support.workers import fast_settings

LARGE = {"text": "x" * 5000}


@pytest.fixture
def archive_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/archive.sqlite3"


@pytest.fixture
def settings(settings: Settings, archive_url: str, tmp_path: Path) -> Settings:
    url = (tmp_path / "blobs").as_uri()
    return fast_settings(settings.url, archive_url=archive_url, blobs_url=url, blob_over_bytes=2000)


@pytest.fixture
def blobs(settings: Settings) -> BlobStore:
    return blobs_of(settings).store


def sweep(board: Board, archive: SqlArchive) -> None:
    """Sweep as though all blobs were a day old."""
    sweeper = BlobSweeper(board.client, board.settings, lambda: True, archive, clock=lambda: time.time() + 86_400)
    while sweeper.tick() is not None:
        pass


def owned(blobs: BlobStore) -> set[str]:
    return {owner.partition("/")[2] for owner in blobs.owners()}


async def archived(jobs: Client, board: Board, mover: Mover, tenant: str = "default") -> str:
    """Return a dead letter with a large request that went to the archive."""
    job_id: str = (await jobs.submit("test.echo", LARGE, tenant=tenant)).id
    board.fail(board.start(job_id))
    mover.outlive(job_id)
    return job_id


async def test_an_archived_dead_letter_is_replayed_with_its_large_request(
    jobs: Client, board: Board, mover: Mover, archive: SqlArchive
) -> None:
    dead = await archived(jobs, board, mover, tenant="acme")
    sweep(board, archive)
    record = await jobs.get((await jobs.dead.replay(dead)).id)
    assert record.request_blob is not None
    assert (record.request_blob.owner, record.origin) == (record.id, dead)
    assert LARGE["text"].encode() in await jobs.blobs.read(record.request_blob, tenant="acme")


async def test_without_its_large_request_a_replay_is_refused_and_says_so(
    jobs: Client, board: Board, mover: Mover, blobs: BlobStore
) -> None:
    dead = await archived(jobs, board, mover)
    blobs.forget(dead, "default")
    with pytest.raises(BlobNotFound, match="has expired"):
        await jobs.dead.replay(dead)
    assert (await jobs.get((await jobs.dead.replay(dead, request={"text": "anew"})).id)).request == {"text": "anew"}


async def test_an_archived_large_result_is_read(jobs: Client, board: Board, mover: Mover, archive: SqlArchive) -> None:
    claim = board.start((await jobs.submit("test.echo", {"text": "small"})).id)
    result = b'{"text":"%b"}' % (b"y" * 5000)
    store = blobs_of(board.settings).store
    reference = check_in_result(result, store, tenant=claim.tenant, job=claim.job_id)
    board.finish(claim, Succeeded(result, blob=reference))
    mover.outlive(claim.job_id)
    sweep(board, archive)
    assert await jobs.result(claim.job_id) == {"text": "y" * 5000}


async def test_large_values_go_with_what_the_archive_forgets_and_count_for_nobody_until_then(
    jobs: Client, board: Board, mover: Mover, archive: SqlArchive, blobs: BlobStore
) -> None:
    gone, stays = await archived(jobs, board, mover), await archived(jobs, board, mover)
    sweep(board, archive)
    assert owned(blobs) == {gone, stays}
    assert await jobs.blobs.sizes() == {}
    archive.drop([gone])
    sweep(board, archive)
    assert owned(blobs) == {stays}


async def test_while_the_archive_is_away_nothing_is_removed_that_might_be_its(
    jobs: Client, board: Board, archive: SqlArchive, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = await archived(jobs, board, Mover(board, archive))

    def away(ids: object) -> dict[str, str]:
        raise ArchiveUnavailable("the database is away")

    monkeypatch.setattr(archive, "tenants", away)
    sweep(board, archive)
    assert owned(blobs) == {dead}


async def test_a_masked_job_goes_to_the_archive_without_its_large_request(
    jobs: Client, board: Board, archive: SqlArchive, blobs: BlobStore
) -> None:
    board.settings = board.settings.model_copy(update={"mask_requests": True})
    dead = await archived(jobs, board, Mover(board, archive))
    assert owned(blobs) == set()
    assert (await jobs.get(dead)).masked


async def test_a_customer_is_erased_from_what_is_large_in_the_archive(
    jobs: Client, board: Board, mover: Mover, blobs: BlobStore
) -> None:
    for customer in ("cust-8", "cust-9"):
        request = b'{"customer_id":"%b","text":"%b"}' % (customer.encode(), b"x" * 5000)
        ref = blobs.put(request, tenant="acme", job=f"of-{customer}")
        board.submit(f"of-{customer}", tenant="acme", request=None, request_blob=ref.model_dump_json())
        board.succeed(board.start(f"of-{customer}"))
    mover.outlive("of-cust-8", "of-cust-9")
    operations = ErasureOperations(jobs.core)
    found = await jobs.do(operations.find("acme", "cust-8"))
    assert found.archived == ["of-cust-8"]
    counts = await jobs.do(operations.remove("acme", found))
    assert (counts["archived_jobs"], counts["blobs"], owned(blobs)) == (1, 1, {"of-cust-9"})

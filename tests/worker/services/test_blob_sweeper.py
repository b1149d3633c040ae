"""Blobs go with their jobs, and those of nobody by their age."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import redis

from backdesk.worker.blobs.access import BlobAccess
from backdesk.worker.blobs.objects import Kept
from backdesk.worker.blobs.store import BlobStore
from backdesk.worker.errors import BlobStoreUnavailable
from backdesk.worker.services.blob_sweeper import BlobSweeper
from backdesk.worker.services.masker import Masker
from backdesk.worker.settings import Settings
from backdesk.worker.submit.claim_check import ELSEWHERE
from tests.support.board import Board
from tests.support.workers import fast_settings

AGE_S = 1000


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return fast_settings(settings.url, blobs_url=(tmp_path / "blobs").as_uri(), blob_orphan_s=AGE_S, mask_requests=True)


@pytest.fixture
def blobs(settings: Settings) -> BlobStore:
    return BlobAccess(settings).store


@pytest.fixture
def board(client: redis.Redis, settings: Settings) -> Board:
    return Board(client, settings)


@pytest.fixture
def sweeper(board: Board) -> BlobSweeper:
    return later(board, 2 * AGE_S)


def later(board: Board, seconds: float, *, leads: bool = True) -> BlobSweeper:
    return BlobSweeper(board.client, board.settings, lambda: leads, lambda: time.time() + seconds)


def owned(blobs: BlobStore) -> set[str]:
    return {owner.partition("/")[2] for owner in blobs.owners()}


def test_blobs_stay_while_redis_has_their_job_and_go_with_it(
    board: Board, blobs: BlobStore, sweeper: BlobSweeper
) -> None:
    for job_id in ("stays", "goes"):
        board.submit(job_id, tenant="acme")
        blobs.put(b"large", tenant="acme", job=job_id)
    sweeper.sweep()
    assert owned(blobs) == {"stays", "goes"}
    board.succeed(board.start("goes"))
    board.run(board.transitions.drop(["goes"], ended=True))
    sweeper.sweep()
    assert owned(blobs) == {"stays"}


def test_a_blob_whose_job_is_about_to_come_stays(board: Board, blobs: BlobStore) -> None:
    blobs.put(b"large", tenant="acme", job="about-to-come")
    later(board, AGE_S / 2).sweep()
    assert owned(blobs) == {"about-to-come"}


def test_a_blob_that_was_written_anew_while_the_sweep_was_on_its_way_stays(
    board: Board, blobs: BlobStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.put(b"large", tenant="acme", job="again")
    for path in Path(settings.blobs_url[7:] if settings.blobs_url else "").rglob("*"):
        os.utime(path, (0, 0))
    sweeper = later(board, 0)

    def gone_and_back(owners: Sequence[str]) -> Sequence[str]:
        blobs.put(b"large", tenant="acme", job="again")
        return owners

    monkeypatch.setattr(sweeper, "_without_job", gone_and_back)
    sweeper.sweep()
    assert owned(blobs) == {"again"}


def test_a_job_of_the_same_id_of_another_tenant_keeps_nothing(
    board: Board, blobs: BlobStore, sweeper: BlobSweeper
) -> None:
    board.submit("mine", tenant="acme")
    blobs.put(b"large", tenant="globex", job="mine")
    sweeper.sweep()
    assert owned(blobs) == set()


def test_parts_go_like_blobs(board: Board, blobs: BlobStore, sweeper: BlobSweeper) -> None:
    blobs.parts("export", tenant="acme", job="lost").put(0, b"part")
    sweeper.sweep()
    assert owned(blobs) == set()


def test_the_bytes_of_each_tenant_are_noted(board: Board, blobs: BlobStore, sweeper: BlobSweeper) -> None:
    for tenant, size in (("acme", 10), ("globex", 20)):
        board.submit(f"of-{tenant}", tenant=tenant)
        blobs.put(bytes(size), tenant=tenant, job=f"of-{tenant}")
    blobs.put(bytes(5), tenant="acme", job="lost")
    board.client.hset(board.keys.blobs, "gone", 7)
    sweeper.sweep()
    assert board.client.hgetall(board.keys.blobs) == {b"acme": b"10", b"globex": b"20"}


def test_who_does_not_lead_forgets_nothing(board: Board, blobs: BlobStore) -> None:
    blobs.put(b"large", tenant="acme", job="lost")
    later(board, 2 * AGE_S, leads=False).sweep()
    assert owned(blobs) == {"lost"}


def test_a_store_that_cannot_be_reached_is_told(
    sweeper: BlobSweeper, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable() -> dict[str, Kept]:
        raise BlobStoreUnavailable("the blobs at s3://b cannot be used")

    monkeypatch.setattr(sweeper._blobs.store, "owners", unreachable)
    sweeper.sweep()
    (told,) = caplog.records
    assert (told.message, vars(told)["reason"]) == ("blobs_not_swept", "the blobs at s3://b cannot be used")


def test_with_masked_requests_a_large_one_goes_when_its_job_is_over(
    board: Board, blobs: BlobStore, settings: Settings
) -> None:
    ref = blobs.put(b'{"text":"secret"}', tenant="acme", job="told")
    claim = board.start(board.submit("told", tenant="acme"))
    board.client.hset(board.keys.job("told"), mapping={"request": ELSEWHERE, "request_blob": ref.model_dump_json()})
    masker = Masker(board.client, settings, lambda: True)
    masker.tick()
    assert owned(blobs) == {"told"}
    board.succeed(claim)
    masker.tick()
    masker.tick()
    record = board.record("told")
    assert (record.request, record.request_blob, record.masked) == (None, None, True)
    assert owned(blobs) == set()

"""Blobs go with their jobs, and those of nobody by their age."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import redis

from backdesk.client import JobClient
from backdesk.worker.blobs.objects import Kept
from backdesk.worker.blobs.opening import open_blobs
from backdesk.worker.blobs.store import BlobStore
from backdesk.worker.errors import BlobsAhead, BlobStoreUnavailable
from backdesk.worker.services.blob_owners import Standing
from backdesk.worker.services.blob_sweeper import BlobSweeper
from backdesk.worker.services.masker import Masker
from backdesk.worker.settings import Settings
from backdesk.worker.submit.blob_access import blobs_of
from backdesk.worker.submit.claim_check import ELSEWHERE
from tests.support.board import Board
from tests.support.workers import fast_settings

AGE_S = 1000


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return fast_settings(settings.url, blobs_url=(tmp_path / "blobs").as_uri(), blob_orphan_s=AGE_S, mask_requests=True)


@pytest.fixture
def blobs(settings: Settings) -> BlobStore:
    return blobs_of(settings).store


@pytest.fixture
def board(client: redis.Redis, settings: Settings) -> Board:
    return Board(client, settings)


@pytest.fixture
def sweeper(board: Board) -> BlobSweeper:
    return later(board, 2 * AGE_S)


def later(board: Board, seconds: float, *, leads: bool = True) -> BlobSweeper:
    return BlobSweeper(board.client, board.settings, lambda: leads, clock=lambda: time.time() + seconds)


def sweep(sweeper: BlobSweeper) -> int:
    """Sweep to the end, and tell in how many rounds."""
    rounds = 1
    while sweeper.tick() is not None:
        rounds += 1
    return rounds


def owned(blobs: BlobStore) -> set[str]:
    return {owner.partition("/")[2] for owner in blobs.owners()}


def test_blobs_stay_while_redis_has_their_job_and_go_with_it(
    board: Board, blobs: BlobStore, sweeper: BlobSweeper
) -> None:
    for job_id in ("stays", "goes"):
        board.submit(job_id, tenant="acme")
        blobs.put(b"large", tenant="acme", job=job_id)
    sweep(sweeper)
    assert owned(blobs) == {"stays", "goes"}
    board.succeed(board.start("goes"))
    board.run(board.transitions.drop(["goes"], ended=True))
    sweep(sweeper)
    assert owned(blobs) == {"stays"}


def test_a_blob_whose_job_is_about_to_come_stays(board: Board, blobs: BlobStore) -> None:
    blobs.put(b"large", tenant="acme", job="about-to-come")
    sweep(later(board, AGE_S / 2))
    assert owned(blobs) == {"about-to-come"}


def test_a_blob_that_was_written_anew_while_the_sweep_was_on_its_way_stays(
    board: Board, blobs: BlobStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.put(b"large", tenant="acme", job="again")
    for path in Path(settings.blobs_url[7:] if settings.blobs_url else "").rglob("*"):
        os.utime(path, (0, 0))
    sweeper = later(board, 0)

    def gone_and_back(owners: Sequence[str]) -> dict[str, Standing]:
        blobs.put(b"large", tenant="acme", job="again")
        return dict.fromkeys(owners, Standing.GONE)

    monkeypatch.setattr(sweeper._owners, "standing", gone_and_back)
    sweep(sweeper)
    assert owned(blobs) == {"again"}


def test_a_job_of_the_same_id_of_another_tenant_keeps_nothing(
    board: Board, blobs: BlobStore, sweeper: BlobSweeper
) -> None:
    board.submit("mine", tenant="acme")
    blobs.put(b"large", tenant="globex", job="mine")
    sweep(sweeper)
    assert owned(blobs) == set()


def test_parts_go_like_blobs(board: Board, blobs: BlobStore, sweeper: BlobSweeper) -> None:
    blobs.parts("export", tenant="acme", job="lost").put(0, b"part")
    sweep(sweeper)
    assert owned(blobs) == set()


def test_parts_of_a_job_that_has_ended_go_at_the_next_sweep_and_its_blobs_stay(board: Board, blobs: BlobStore) -> None:
    for job_id in ("goes-on", "cancelled"):
        board.submit(job_id, tenant="acme")
        blobs.parts("export", tenant="acme", job=job_id).put(0, b"part")
        blobs.put(b"request", tenant="acme", job=job_id)
    board.run(board.transitions.cancel("cancelled", "enough"))
    for _ in range(2):
        sweep(later(board, 0))
        assert owned(blobs) == {"goes-on", "cancelled"}
        assert [blobs.parts("export", tenant="acme", job=each).there() for each in ("goes-on", "cancelled")] == [
            {0: 4},
            {},
        ]


def test_the_bytes_of_each_tenant_are_noted(board: Board, blobs: BlobStore, sweeper: BlobSweeper) -> None:
    for tenant, size in (("acme", 10), ("globex", 20)):
        board.submit(f"of-{tenant}", tenant=tenant)
        blobs.put(bytes(size), tenant=tenant, job=f"of-{tenant}")
    blobs.put(bytes(5), tenant="acme", job="lost")
    board.client.hset(board.keys.blobs, "gone", 7)
    sweep(sweeper)
    assert board.client.hgetall(board.keys.blobs) == {b"acme": b"10", b"globex": b"20"}


def test_who_does_not_lead_forgets_nothing(board: Board, blobs: BlobStore) -> None:
    blobs.put(b"large", tenant="acme", job="lost")
    sweep(later(board, 2 * AGE_S, leads=False))
    assert owned(blobs) == {"lost"}


def test_a_store_that_cannot_be_reached_is_told(
    sweeper: BlobSweeper, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object) -> list[Kept]:
        raise BlobStoreUnavailable("the blobs at s3://b cannot be used")

    monkeypatch.setattr(sweeper._blobs.store, "page", unreachable)
    sweep(sweeper)
    (told,) = caplog.records
    assert (told.message, vars(told)["reason"]) == ("blobs_not_swept", "the blobs at s3://b cannot be used")


def test_a_sweep_goes_page_by_page_and_on_where_another_worker_has_left_it(
    board: Board, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backdesk.worker.services.blob_sweeper.PAGE", 4)
    for number in range(9):
        board.submit(f"stays-{number}", tenant=f"t-{number % 3}")
        for job_id in (f"stays-{number}", f"goes-{number}"):
            blobs.put(bytes(10), tenant=f"t-{number % 3}", job=job_id)
    board.client.hset(board.keys.blobs, "t-0", 7)
    rounds = 1
    while later(board, 2 * AGE_S).tick() is not None:  # a worker of its own each
        assert board.client.hgetall(board.keys.blobs) == {b"t-0": b"7"}  # until there are figures of all
        rounds += 1
    assert rounds == 5
    assert owned(blobs) == {f"stays-{number}" for number in range(9)}
    assert board.client.hgetall(board.keys.blobs) == {b"t-0": b"30", b"t-1": b"30", b"t-2": b"30"}


def test_what_other_deployments_have_in_the_same_place_is_left_alone(
    board: Board, settings: Settings, sweeper: BlobSweeper
) -> None:
    other = open_blobs(settings, "f" * 16)
    other.put(b"large", tenant="acme", job="of-another-redis")
    sweep(sweeper)
    assert owned(other) == {"of-another-redis"}


def test_a_redis_that_was_emptied_destroys_nothing_and_goes_on_as_another_deployment(
    board: Board, blobs: BlobStore, settings: Settings
) -> None:
    sweeper = later(board, 2 * AGE_S)
    board.submit("before", tenant="acme")
    blobs.put(b"large", tenant="acme", job="before")
    sweep(sweeper)
    board.client.flushall()
    anew = blobs_of(settings).store
    anew.put(b"large", tenant="acme", job="lost")
    sweep(sweeper)
    assert (owned(blobs), owned(anew)) == ({"before"}, set())
    assert anew.others() == [blobs.deployment]


def test_a_redis_that_was_put_back_to_a_former_state_destroys_nothing_until_it_is_accepted(
    board: Board, blobs: BlobStore, settings: Settings, sweeper: BlobSweeper, caplog: pytest.LogCaptureFixture
) -> None:
    sweep(sweeper)
    backup = {key: board.client.dump(key) for key in board.client.scan_iter()}
    board.submit("since", tenant="acme")
    blobs.put(b"large", tenant="acme", job="since")
    for _ in range(3):
        sweep(sweeper)
    board.client.flushall()
    for key, value in backup.items():
        board.client.restore(key, 0, value)  # type: ignore[arg-type]  # a blocking client
    sweep(sweeper)
    assert owned(blobs) == {"since"}
    (told,) = [each for each in caplog.records if each.message == "blobs_not_swept"]
    assert "`backdesk blobs accept`" in vars(told)["reason"]
    with JobClient(settings=settings) as client:
        with pytest.raises(BlobsAhead):
            client.blobs.check()
        client.blobs.accept()
        client.blobs.check()
    sweep(sweeper)
    assert owned(blobs) == set()


def test_a_failover_that_loses_the_last_sweep_does_not_keep_the_next_from_coming(
    board: Board, blobs: BlobStore, sweeper: BlobSweeper
) -> None:
    for _ in range(3):
        sweep(sweeper)
    board.client.hincrby(board.keys.blobs_sweep, "number", -1)
    blobs.put(b"large", tenant="acme", job="lost")
    sweep(sweeper)
    assert (owned(blobs), blobs.sweeps()) == (set(), 4)


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

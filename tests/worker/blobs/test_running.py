"""Large values through real workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.eventually import PATIENCE_S
from tests.support.object_store import ObjectStore
from tests.support.workers import Fleet

MIB = 1024 * 1024


def held_by_redis(fleet: Fleet) -> int:
    """Bytes of all keys."""
    return sum(int(fleet.redis.memory_usage(key) or 0) for key in fleet.redis.scan_iter(count=1000))


def test_a_request_of_20_mb_just_works_and_redis_stays_small(fleet: Fleet) -> None:
    before = held_by_redis(fleet)
    text = "0123456789abcdef" * (20 * MIB // 16)
    job = fleet.jobs.submit("test.echo", {"text": text}, tenant="large")
    assert job.result(timeout=PATIENCE_S) == {"text": text}
    assert held_by_redis(fleet) - before < 20_000
    assert fleet.redis.info("memory")["used_memory_peak"] < 20 * MIB  # nor was it ever there


def test_a_large_file_reaches_the_body_and_is_no_burden_to_redis(fleet: Fleet) -> None:
    before = held_by_redis(fleet)
    log = fleet.jobs.attachments.add(b"a line of a log\n" * MIB, "router.log")
    request = {"message": "Look.", "attachments": [log.model_dump(exclude_none=True)]}
    answer = fleet.jobs.submit("test.talk", request).result(timeout=PATIENCE_S)["answer"]
    assert f"It comes with router.log, {16 * MIB} bytes." in answer
    assert held_by_redis(fleet) - before < 20_000


def test_a_worker_that_is_killed_with_a_large_request_loses_nothing(
    s3: str, s3_server: ObjectStore, tmp_path: Path
) -> None:
    with Fleet(tmp_path, blobs_url=s3) as fleet:
        fleet.start_worker("tools", slots=1, **s3_server.environment)
        job = fleet.jobs.submit("test.kill_child", {"n": 1, "flag": "x" * MIB}, tenant="large")
        job.result(timeout=PATIENCE_S)
        record = job.get()
        assert record.attempt == 2
        assert record.request_blob is not None
        assert record.request_blob.where.startswith("s3://")


@pytest.mark.parametrize("kind", ["test.echo"])
def test_producers_and_workers_that_share_no_store_are_told_so(fleet: Fleet, tmp_path: Path, kind: str) -> None:
    from backdesk.client import JobClient

    apart = fleet.settings.model_copy(update={"blobs_url": (tmp_path / "mine").as_uri()})
    with JobClient(settings=apart) as client:
        record = client.wait(client.submit(kind, {"text": "x" * MIB}).id, timeout=PATIENCE_S)
    assert record.error is not None
    assert record.error.code == "blob_missing"
    assert "producers and workers must share BACKDESK_BLOBS_URL" in record.error.message

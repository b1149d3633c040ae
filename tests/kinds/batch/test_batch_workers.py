"""A batch on real workers, one of which is killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backdesk.worker.model.blob import BlobRef
from backdesk.worker.submit.blob_access import blobs_of
from tests.support.eventually import eventually
from tests.support.workers import Fleet

ITEMS = 2_500


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Workers that share a store of blobs with the test; none is started yet."""
    with Fleet(tmp_path, data_dir=tmp_path / "data") as fleet:
        yield fleet


def test_a_batch_whose_worker_is_killed_has_each_result_once_and_in_order(fleet: Fleet) -> None:
    tasks: dict[str, Any] = {"BACKDESK_TASK_MODULES": "tests.kinds.batch.slow_operation"}
    first, second = (fleet.begin_worker("tools", slots=1, **tasks) for _ in range(2))
    for worker in (first, second):
        fleet.wait_for(worker)
    job = fleet.jobs.submit("batch.run", {"operation": "test.slow_square", "items": list(range(ITEMS))}).id
    eventually(lambda: _kept(fleet, job) > 0, what="the first place that is kept")
    by = fleet.board.record(job).worker
    killed = next(worker for worker in (first, second) if by and by.startswith(worker.name))
    killed.kill()
    before = _kept(fleet, job)
    assert before < ITEMS, "it was killed too late"
    eventually(lambda: fleet.board.record(job).done, what="the end of the batch")
    record = fleet.board.record(job)
    store = blobs_of(fleet.settings).store
    lines = store.read(BlobRef.model_validate(record.result["file"]), record.tenant).splitlines()
    assert [json.loads(line) for line in lines] == [{"index": n, "result": n * n} for n in range(ITEMS)]
    assert record.attempt == 2
    told = [e.data["done"] for e in fleet.board.events(job) if e.type == "progress" and e.attempt == 2]
    assert min(told) == before, "the second attempt went on elsewhere"


def _kept(fleet: Fleet, job: str) -> int:
    """How many items the results of a running batch are kept of."""
    checkpoint = fleet.redis.get(fleet.board.keys.checkpoint(job))
    return int(json.loads(checkpoint)["batch"]["items"]) if isinstance(checkpoint, bytes) else 0

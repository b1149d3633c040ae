"""Exports on real workers: paused, killed in the middle, and cancelled."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from backdesk.worker.model.job import JobState
from tests.support.deployment import shop_fleet
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.workers import Fleet

TASKS = "backdesk.kinds.export.kind"


@pytest.fixture
def fleet(tmp_path: Path, seeded: Path) -> Iterator[Fleet]:
    with shop_fleet(tmp_path, seeded, blobs_url=(tmp_path / "blobs").as_uri()) as fleet:
        yield fleet


def test_an_export_that_is_paused_and_loses_its_worker_is_the_same_file_and_one_that_is_cancelled_leaves_nothing(
    fleet: Fleet, tmp_path: Path
) -> None:
    first, second = (fleet.begin_worker("tools", slots=1, BACKDESK_TASK_MODULES=TASKS) for _ in range(2))
    fleet.wait_for(first)
    whole = fleet.jobs.submit("report.export", {"source": "ledger"}).id
    slow = {"source": "ledger", "rows_per_part": 1_000, "pause_ms_per_part": 300}
    job = fleet.jobs.submit("report.export", slow).id
    eventually(lambda: _rows(fleet, job)[-1:] > [2_000], what="the start of the export")
    fleet.jobs.pause(job, by="ada", note="the database is busy")
    eventually(lambda: fleet.board.state(job) is JobState.WAITING, what="the pause")
    assert fleet.jobs.submit("report.export", {"source": "products"}).result(PATIENCE_S), "the slot is not free"
    fleet.wait_for(second)  # while the job is paused: it takes less time than a worker to start
    assert fleet.jobs.resume(job)
    eventually(lambda: _rows(fleet, job)[-1:] > [6_000], what="a third of the export")
    by = fleet.board.record(job).worker
    next(worker for worker in (first, second) if by and by.startswith(worker.name)).kill()
    eventually(lambda: fleet.board.record(job).done, what="the end of the export")
    record, expected = fleet.board.record(job), fleet.board.record(whole).result
    assert record.attempt == 3
    assert _rows(fleet, job).count(0) == 1, "it began anew"
    assert (record.result["sha256"], record.result["rows"]) == (expected["sha256"], expected["rows"])
    kept = [hashlib.sha256(data).hexdigest() for data in _kept(tmp_path)]
    assert (len(kept), kept.count(expected["sha256"])) == (3, 2), "parts are left"

    cancelled = fleet.jobs.submit("report.export", slow).id
    eventually(lambda: _rows(fleet, cancelled)[-1:] > [3_000], what="the start of the other export")
    assert len(_kept(tmp_path)) > 3
    fleet.board.run(fleet.board.transitions.cancel(cancelled, "enough"))
    eventually(lambda: fleet.board.record(cancelled).done, what="the end of the other export")
    eventually(lambda: len(_kept(tmp_path)) == 3, what="that nothing of it is left")


def _rows(fleet: Fleet, job: str) -> list[int]:
    return [event.data["rows"] for event in fleet.board.events(job) if event.type == "progress"]


def _kept(folder: Path) -> list[bytes]:
    files = [path for path in (folder / "blobs").rglob("*") if path.is_file()]
    return [path.read_bytes() for path in files if path.name != "sweeps"]  # a note of the store's own

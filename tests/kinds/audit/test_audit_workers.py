"""Audits on real workers that are killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backdesk.shop.sample_history import planted
from backdesk.worker.model.job import JobState
from tests.support.deployment import shop_fleet
from tests.support.eventually import eventually
from tests.support.workers import Fleet

TASKS = "backdesk.kinds.audit.kind"


@pytest.fixture
def fleet(tmp_path: Path, seeded: Path) -> Iterator[Fleet]:
    with shop_fleet(tmp_path, seeded) as fleet:
        yield fleet


def test_an_audit_whose_worker_is_killed_goes_on_and_one_that_is_cancelled_stops(fleet: Fleet) -> None:
    first, second = (fleet.begin_worker("tools", slots=1, BACKDESK_TASK_MODULES=TASKS) for _ in range(2))
    fleet.wait_for(first)
    request = {"orders_per_chunk": 1000, "pause_ms_per_chunk": 150}
    job = fleet.jobs.submit("orders.audit", request).id
    eventually(lambda: _rows(fleet, job)[-1:] > [8000], what="a third of the audit")
    fleet.wait_for(second)
    by = fleet.board.record(job).worker
    next(worker for worker in (first, second) if by and by.startswith(worker.name)).kill()
    eventually(lambda: fleet.board.record(job).done, what="the end of the audit")
    record = fleet.board.record(job)
    assert {each["order_number"]: each["kind"] for each in record.result["discrepancies"]} == planted()
    assert record.attempt == 2
    assert _rows(fleet, job).count(0) == 1, "it began anew"
    cancelled = fleet.jobs.submit("orders.audit", request)
    eventually(lambda: _rows(fleet, cancelled.id)[-1:] > [0], what="the start of the other audit")
    fleet.board.run(fleet.board.transitions.cancel(cancelled.id, "enough"))
    eventually(lambda: fleet.board.record(cancelled.id).done, what="the end of the other audit")
    assert fleet.board.state(cancelled.id) == JobState.CANCELLED
    assert _rows(fleet, cancelled.id)[-1] < record.result["ledger_rows"]


def _rows(fleet: Fleet, job: str) -> list[int]:
    return [event.data["rows"] for event in fleet.board.events(job) if event.type == "progress"]

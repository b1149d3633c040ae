"""Reports on real workers that are killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backdesk.worker.model.job import JobState
from tests.support.deployment import shop_fleet
from tests.support.eventually import eventually
from tests.support.workers import Fleet

TASKS = "backdesk.kinds.research.kind"
REQUEST = {"message": "How reliable and how expensive are brinecells?", "sections": 4, "pdf": False}


@pytest.fixture
def fleet(tmp_path: Path, seeded: Path) -> Iterator[Fleet]:
    with shop_fleet(tmp_path, seeded) as fleet:
        yield fleet


def test_a_report_whose_worker_is_killed_goes_on_and_nothing_that_was_read_is_read_again(fleet: Fleet) -> None:
    first, second = (fleet.begin_worker("agents", slots=1, BACKDESK_TASK_MODULES=TASKS) for _ in range(2))
    fleet.wait_for(first)
    fleet.wait_for(second)
    job = fleet.jobs.submit("research.report", REQUEST).id
    eventually(lambda: len(_ended(fleet)) > 2, what="the first readings")
    read = _ended(fleet)
    first.kill()
    assert not fleet.board.record(job).done
    eventually(lambda: fleet.board.record(job).done, what="the end of the report")
    record = fleet.board.record(job)
    assert record.state == JobState.SUCCEEDED
    assert record.result["complete"]
    assert [each["cited"] for each in record.result["sources"]].count(True) > 3
    assert {each: fleet.board.record(each).attempt for each in read} == dict.fromkeys(read, 1)
    titles = [
        step["title"] for event in fleet.board.events(job) if event.type == "plan" for step in event.data["steps"]
    ]
    assert "Write: Cost" in titles


def _ended(fleet: Fleet) -> list[str]:
    return [job.id for job in fleet.jobs.list(kind="research.reading", state=JobState.SUCCEEDED).items]

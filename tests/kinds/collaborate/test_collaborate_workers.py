"""Experts on real workers, one of which is killed while they think."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.deployment import shop_fleet
from tests.support.eventually import eventually
from tests.support.workers import Fleet

TASKS = "backdesk.kinds.collaborate.kind,tests.kinds.collaborate.patient_expert"


@pytest.fixture
def fleet(tmp_path: Path, seeded: Path) -> Iterator[Fleet]:
    with shop_fleet(tmp_path, seeded) as fleet:
        yield fleet


def test_an_expert_whose_worker_is_killed_answers_on_another(fleet: Fleet) -> None:
    first, second = (fleet.begin_worker("agents", slots=4, BACKDESK_TASK_MODULES=TASKS) for _ in range(2))
    fleet.wait_for(first)
    fleet.wait_for(second)
    request = {"message": "Can we move within 20 days?", "experts": ["planner", "patient"]}
    job = fleet.jobs.submit("team.collaborate", request).id
    eventually(lambda: _called(fleet, job), what="the thinking of the expert")
    by = fleet.board.record(_called(fleet, job)[0]).worker
    next(worker for worker in (first, second) if by and by.startswith(worker.name)).kill()
    eventually(lambda: fleet.board.record(job).done, what="the end of the job")
    result = fleet.board.record(job).result
    assert [each["answer"] for each in result["answers"]][1] == "No, 50 days."
    assert [each["about"] for each in result["disagreements"]] == ["yes or no", "time"]
    assert len(fleet.jobs.children(job)) == 2


def _called(fleet: Fleet, job: str) -> list[str]:
    children = fleet.jobs.children(job)
    return [each for each in children if any(event.type == "tool_called" for event in fleet.board.events(each))]

"""Extractions on real workers that are killed."""

from __future__ import annotations

from pathlib import Path

import duckdb

from tests.support.eventually import eventually
from tests.support.workers import Fleet


def test_an_extraction_whose_workers_are_killed_is_kept_once_and_comes_to_its_end(tmp_path: Path) -> None:
    data = tmp_path / "data"
    tasks = {"BACKDESK_TASK_MODULES": "backdesk.kinds.features.kind"}
    with Fleet(tmp_path, data_dir=data, max_crashes=10) as fleet:
        agents, tools = fleet.start_workers("agents", "tools", slots=1, **tasks)
        request = {"dataset_id": "sample_orders", "description": "Who will order again?"}
        job = fleet.jobs.submit("data.features", request).id
        eventually(lambda: "clean" in _under_way(fleet, job), what="the second step")
        tools.kill()
        agents.kill()
        fleet.start_workers("agents", "tools", slots=1, **tasks)
        eventually(lambda: fleet.board.record(job).done, what="the end of the extraction")
        record = fleet.board.record(job)
    assert record.result["status"] == "completed"
    assert record.result["metrics"]["rows"] == 5052
    (file,) = data.glob("warehouse/*/warehouse.duckdb")
    with duckdb.connect(str(file), read_only=True) as warehouse:
        assert warehouse.execute("SELECT status FROM pipelines").fetchall() == [("completed",)]


def _under_way(fleet: Fleet, job: str) -> set[str]:
    """The steps that the plan of the job has as running."""
    plans = [event.data["steps"] for event in fleet.board.events(job) if event.type == "plan"]
    return {step["key"] for step in plans[-1] if step["state"] == "running"} if plans else set()

"""Queries on real workers that are killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.eventually import eventually
from tests.support.workers import Fleet

#: Some seconds, and no memory.
SQL = "SELECT count(*) AS n, sum(hash(i) % 2) > 0 AS odd FROM range(200000000) t(i)"


def test_a_query_whose_worker_is_killed_is_run_by_another(fleet_of_this_test: Fleet) -> None:
    fleet = fleet_of_this_test
    tasks: dict[str, Any] = {"BACKDESK_TASK_MODULES": "backdesk.kinds.query.kind"}
    first, second = (fleet.begin_worker("tools", slots=1, **tasks) for _ in range(2))
    for worker in (first, second):
        fleet.wait_for(worker)
    job = fleet.jobs.submit("data.query", {"sql": SQL, "timeout_s": 300}).id
    eventually(lambda: _told(fleet, job, 1), what="the query's first progress")
    by = fleet.board.record(job).worker
    killed = next(worker for worker in (first, second) if by and by.startswith(worker.name))
    engines = _engines()
    assert engines
    killed.kill()
    eventually(lambda: not engines & _engines(), what="the end of the killed worker's query")
    eventually(lambda: fleet.board.record(job).done, what="the end of the query")
    record = fleet.board.record(job)
    assert record.result["preview"] == [{"n": 200_000_000, "odd": True}]
    assert record.attempt == 2
    fractions = [each for each in _told(fleet, job, 2) if each is not None]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


def _told(fleet: Fleet, job: str, attempt: int) -> list[float | None]:
    events = fleet.board.events(job)
    told = [event.data for event in events if event.type == "progress" and event.attempt == attempt]
    return [data.get("fraction") for data in told if "fraction" in data]


def _engines() -> set[str]:
    return {
        path.parent.name
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if b"backdesk.tools.query.engine" in _read(path)
    }


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended meanwhile
        return b""

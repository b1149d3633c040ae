"""Exports of queries on real workers: cancelled while the database works, and killed in the middle."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import repeat
from pathlib import Path

import psycopg
import pytest

from backdesk.worker.model.job import JobState
from tests.support.eventually import eventually
from tests.support.postgres import find_server, postgres
from tests.support.workers import Fleet, Queue, Worker

PROGRAMS = find_server()
TOOLS: Queue = "tools"
ROWS = 200
MADE = (
    "CREATE TABLE numbers (n integer, tenant text)",
    "INSERT INTO numbers SELECT n, 'default' FROM {source} LIMIT {rows}",
)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with Fleet(tmp_path, data_dir=tmp_path / "data", lease_s=3.0) as fleet:
        yield fleet


def sqlite_url(path: Path) -> str:
    counted = "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c)"
    with closing(sqlite3.connect(path)) as file:
        for each in MADE:
            file.execute(each.format(source=counted, rows=ROWS))
        file.commit()
    return f"sqlite:///{path}"


def begin(fleet: Fleet, folder: Path, url: str = "", *, workers: int) -> list[Worker]:
    env = {
        "BACKDESK_TASK_MODULES": "tests.kinds.export.queries",
        "NUMBERS_SQLITE": sqlite_url(folder / "numbers.sqlite3"),
        "NUMBERS_POSTGRES": url,
    }
    return fleet.start_workers(*repeat(TOOLS, workers), slots=1, **env)


@pytest.mark.skipif(PROGRAMS is None, reason="there is no PostgreSQL here")
def test_a_query_ends_with_its_job(fleet: Fleet, tmp_path: Path) -> None:
    assert PROGRAMS is not None
    with postgres(PROGRAMS) as server:
        url = server.database()
        with psycopg.connect(url) as connection:
            for each in MADE:
                connection.execute(each.format(source="generate_series(1, 1000) AS n", rows=ROWS).encode())
        begin(fleet, tmp_path, url, workers=1)
        for dialect in ("postgres", "sqlite"):
            job = fleet.jobs.submit("report.export", {"source": f"endless_{dialect}"}).id
            eventually(partial(is_in, fleet, job, JobState.RUNNING), what="the start")
            if dialect == "postgres":
                eventually(lambda: under_way(url) > 0, what="the query")
            asked = time.monotonic()
            fleet.board.run(fleet.board.transitions.cancel(job, "enough"))
            eventually(partial(is_in, fleet, job, JobState.CANCELLED), what="the end of the job")
            assert time.monotonic() - asked < 8, "less than the count of the rows would have taken"
            eventually(lambda: under_way(url) == 0, what="the end of the query")


def test_an_export_of_a_query_whose_worker_is_killed_goes_on_and_is_the_same_file(fleet: Fleet, tmp_path: Path) -> None:
    workers = begin(fleet, tmp_path, workers=2)
    whole = fleet.jobs.submit("report.export", {"source": "numbers_sqlite"})
    slow = {"source": "numbers_sqlite", "rows_per_part": 4, "pause_ms_per_part": 60}
    job = fleet.jobs.submit("report.export", slow).id
    eventually(lambda: rows_read(fleet, job) > 20, what="some of the export")
    by = fleet.board.record(job).worker
    next(worker for worker in workers if by and by.startswith(worker.name)).kill()
    eventually(lambda: fleet.board.record(job).done, what="the end of the export")
    record = fleet.board.record(job)
    assert (record.attempt, record.result["rows"]) == (2, ROWS)
    assert record.result["sha256"] == whole.result(30)["sha256"]


def is_in(fleet: Fleet, job: str, state: JobState) -> bool:
    return fleet.board.state(job) is state


def under_way(url: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'FETCH %' "
            "AND pid <> pg_backend_pid()"
        ).fetchone()
    return int(found[0]) if found else 0


def rows_read(fleet: Fleet, job: str) -> int:
    return max((event.data["rows"] for event in fleet.board.events(job) if event.type == "progress"), default=0)

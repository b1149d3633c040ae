"""Workers that die, stall or come too late: no job is lost and none is done twice."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from backdesk.worker.errors import JobFailed
from backdesk.worker.model.job import JobRecord, JobState
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.workers import ROOT, Fleet, Worker, environment


def test_the_job_of_a_killed_worker_runs_again_on_another_within_seconds(
    fleet_of_this_test: Fleet, tmp_path: Path
) -> None:
    fleet, flag = fleet_of_this_test, tmp_path / "go"
    first, second = fleet.begin_worker(slots=1), fleet.begin_worker(slots=1)
    fleet.wait_for(first)
    fleet.wait_for(second)
    job = fleet.jobs.submit("test.wait_for_file", {"flag": str(flag)})
    fleet.wait_until_running(job.id)
    victim, other = (first, second) if job.get().worker == first.name else (second, first)
    killed_at = time.monotonic()
    victim.kill()
    eventually(lambda: job.get().attempt == 2, what="the second attempt")
    assert time.monotonic() - killed_at < PATIENCE_S / 3
    flag.touch()
    job.result(timeout=PATIENCE_S)
    assert (job.get().worker, job.get().attempt) == (other.name, 2)
    events = [*job.watch()]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    lifecycle = [event.type for event in events if event.type != "progress"]
    assert lifecycle == ["queued", "started", "retrying", "started", "succeeded"]


def test_a_job_that_kills_every_worker_that_runs_it_ends_as_poison(fleet_of_this_test: Fleet) -> None:
    fleet = fleet_of_this_test
    spare = fleet.start_worker("tools", slots=1)
    worker = fleet.start_worker(slots=1)
    poison = fleet.jobs.submit("test.kill_worker", {"n": 99})
    for attempt in range(1, fleet.settings.max_crashes + 1):
        eventually(partial(_is_dead, worker), what=f"the death of the worker in attempt {attempt}")
        if attempt < fleet.settings.max_crashes:
            worker = fleet.begin_worker(slots=1)
    with pytest.raises(JobFailed) as caught:
        poison.result(timeout=PATIENCE_S)
    assert (caught.value.failure.code, poison.get().attempt) == ("poison", 3)
    assert spare.alive
    assert fleet.jobs.submit("test.tool", {}).result(timeout=PATIENCE_S) == {"text": "hello"}


def _is_dead(worker: Worker) -> bool:
    return not worker.alive


def test_a_killed_child_of_a_tools_worker_costs_its_job_an_attempt_and_no_more(fleet_of_this_test: Fleet) -> None:
    fleet = fleet_of_this_test
    fleet.start_worker("tools", slots=1)
    job = fleet.jobs.submit("test.kill_child", {"n": 1})
    assert job.result(timeout=PATIENCE_S) == {"n": 1, "flag": ""}
    types = [event.type for event in job.watch()]
    assert types == ["queued", "started", "retrying", "started", "succeeded"]


def test_a_worker_that_was_suspended_and_wakes_too_late_writes_nothing(
    fleet_of_this_test: Fleet, tmp_path: Path
) -> None:
    fleet, flag = fleet_of_this_test, tmp_path / "go"
    first, second = fleet.begin_worker(slots=1), fleet.begin_worker(slots=1)
    fleet.wait_for(first)
    fleet.wait_for(second)
    job = fleet.jobs.submit("test.wait_for_file", {"flag": str(flag)})
    fleet.wait_until_running(job.id)
    eventually(lambda: len(fleet.board.log(job.id)) > 5)
    stalled = first if job.get().worker == first.name else second
    stalled.signal(signal.SIGSTOP)
    eventually(lambda: job.get().attempt == 2, what="the second attempt")
    stalled.signal(signal.SIGCONT)
    eventually(lambda: stalled.logged("fence_lost") or stalled.logged("attempt_abandoned"))
    flag.touch()
    job.result(timeout=PATIENCE_S)
    after_takeover = fleet.board.events(job.id)
    started_again = next(n for n, event in enumerate(after_takeover) if event.type == "started" and event.attempt == 2)
    assert {event.attempt for event in after_takeover[started_again:]} == {2}
    assert [event.seq for event in after_takeover] == list(range(1, len(after_takeover) + 1))
    assert [event.type for event in after_takeover].count("succeeded") == 1


def test_a_worker_that_is_told_to_stop_ends_its_jobs_first(fleet_of_this_test: Fleet) -> None:
    fleet = fleet_of_this_test
    worker = fleet.start_worker(slots=2)
    jobs = [fleet.jobs.submit("test.ticking", {"n": 30}) for _ in range(2)]
    for job in jobs:
        fleet.wait_until_running(job.id)
    assert worker.stop() == 0
    assert [job.get().state for job in jobs] == [JobState.SUCCEEDED] * 2
    assert fleet.jobs.workers() == []


def test_workers_and_their_jobs_survive_a_restart_of_redis(tmp_path: Path) -> None:
    with Fleet(tmp_path, keep=tmp_path / "data", lease_s=4.0) as fleet:
        worker = fleet.start_worker(slots=2)
        flag = tmp_path / "go"
        running = fleet.jobs.submit("test.wait_for_file", {"flag": str(flag)})
        waiting = [fleet.jobs.submit("test.echo", {}, delay=1) for _ in range(3)]
        fleet.wait_until_running(running.id)
        fleet.restart_redis()
        flag.touch()
        assert running.result(timeout=PATIENCE_S)
        assert all(job.result(timeout=PATIENCE_S) for job in waiting)
        assert running.get().attempt == 1
        assert [event.seq for event in running.watch()] == list(range(1, running.get().events + 1))
        assert worker.alive


PRODUCER = """
import sys
from backdesk.client import JobClient
with JobClient() as jobs:
    tenant, count = sys.argv[1], int(sys.argv[2])
    for start in range(0, count, 50):
        jobs.submit_many("test.steps", [{"n": 1} for _ in range(50)], tenant=tenant)
"""


def all_records(fleet: Fleet) -> list[JobRecord]:
    """The records of all jobs, page by page."""
    page = fleet.jobs.list(limit=1000)
    records = [*page]
    while page.cursor:
        page = fleet.jobs.list(limit=1000, cursor=page.cursor)
        records += page
    return records


@pytest.mark.parametrize("total", [2_000, pytest.param(9_900, marks=pytest.mark.soak)])
def test_of_the_jobs_of_three_producers_on_two_workers_each_runs_once(fleet_of_this_test: Fleet, total: int) -> None:
    fleet = fleet_of_this_test
    workers = [fleet.begin_worker(slots=50) for _ in range(2)]
    for worker in workers:
        fleet.wait_for(worker)
    counts = {"acme": "650", "globex": "650", "initech": str(total - 1300)}
    producers = [
        subprocess.Popen(
            [sys.executable, "-c", PRODUCER, *order],
            env=environment(fleet.settings),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
        )
        for order in counts.items()
    ]
    assert [producer.wait(PATIENCE_S) for producer in producers] == [0, 0, 0]
    eventually(lambda: fleet.jobs.counts()[JobState.SUCCEEDED] == total, what="the end of all jobs")
    records = all_records(fleet)
    assert len(records) == total
    assert {record.attempt for record in records} == {1}
    assert {record.worker for record in records} == {worker.name for worker in workers}
    for record in records:
        events = fleet.board.events(record.id)
        assert [event.type for event in events] == ["queued", "started", "progress", "succeeded"]
        assert [event.seq for event in events] == [1, 2, 3, 4]

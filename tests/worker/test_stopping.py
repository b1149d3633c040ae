"""Real workers whose jobs are stopped, outlast every time-out, or call each other."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backdesk.worker.errors import JobFailed
from backdesk.worker.model.job import JobState
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.workers import Fleet


@pytest.mark.parametrize("kind", ["test.sleep", "test.sleep_tool"])
def test_a_job_that_is_cancelled_stops_within_seconds(fleet: Fleet, kind: str) -> None:
    job = fleet.jobs.submit(kind, {"n": 60})
    fleet.wait_until_running(job.id)
    asked_at = time.monotonic()
    job.cancel("changed my mind")
    with pytest.raises(JobFailed, match="changed my mind"):
        job.result(timeout=PATIENCE_S)
    assert time.monotonic() - asked_at < 20, "it was to sleep for a minute"
    assert [event.type for event in job.watch()] == ["queued", "started", "cancelled"]


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A tools worker that gives a body half a second to stop."""
    with Fleet(tmp_path_factory.mktemp("impatient"), stop_grace_s=0.5) as fleet:
        fleet.start_worker("tools", slots=1)
        yield fleet


def test_a_tool_that_does_not_stop_loses_its_process_and_another_takes_its_place(impatient: Fleet) -> None:
    job = impatient.jobs.submit("test.stubborn_tool", {"n": 60})
    impatient.wait_until_running(job.id)
    job.cancel("enough")
    with pytest.raises(JobFailed, match="enough"):
        job.result(timeout=PATIENCE_S)
    assert impatient.jobs.submit("test.tool", {}).result(timeout=PATIENCE_S) == {"text": "hello"}
    assert impatient.workers[0].alive
    assert [event.type for event in job.watch()][-1] == "cancelled"


def test_a_tool_that_runs_out_of_time_is_tried_again_in_a_fresh_process(impatient: Fleet) -> None:
    job = impatient.jobs.submit("test.stubborn_tool", {"n": 60}, timeout=0.5, retry={"base_s": 0.1, "cap_s": 0.1})
    assert job.result(timeout=PATIENCE_S)["n"] == 60
    record = job.get()
    assert (record.attempt, record.failures, record.crashes) == (2, 1, 0)


def test_a_job_that_outlasts_lease_and_redelivery_is_run_once(fleet: Fleet) -> None:
    seconds = 2.5 * max(fleet.settings.lease_s, fleet.settings.redispatch_after_s)
    jobs = [fleet.jobs.submit(kind, {"n": seconds}) for kind in ("test.sleep", "test.sleep_tool")]
    for job in jobs:
        assert job.result(timeout=PATIENCE_S)
        assert [event.type for event in job.watch()] == ["queued", "started", "succeeded"]


def test_what_a_suspended_worker_did_not_finish_is_not_remembered_when_it_wakes(
    fleet_of_this_test: Fleet, tmp_path: Path
) -> None:
    fleet, flag = fleet_of_this_test, tmp_path / "go"
    workers = [fleet.begin_worker(slots=1) for _ in range(2)]
    for worker in workers:
        fleet.wait_for(worker)
    job = fleet.jobs.submit("test.step_by_step", {"flag": str(flag)})
    eventually(lambda: len(fleet.board.ledger(job.id)) > 3)
    stalled = next(worker for worker in workers if worker.name == job.get().worker)
    stalled.signal(signal.SIGSTOP)
    eventually(lambda: job.get().attempt == 2, what="the second attempt")
    of_the_first = {key for key in fleet.board.ledger(job.id) if key.startswith("step:1-")}
    stalled.signal(signal.SIGCONT)
    eventually(lambda: stalled.logged("attempt_abandoned"))
    flag.touch()
    job.result(timeout=PATIENCE_S)
    steps = [event for event in fleet.board.events(job.id) if event.type == "step"]
    assert {f"step:{event.data['key']}" for event in steps if event.attempt == 1} == of_the_first
    assert job.get().state is JobState.SUCCEEDED


def test_families_of_jobs_need_no_more_slots_than_there_are(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet:
        for worker in [fleet.begin_worker("agents", slots=1), fleet.begin_worker("tools", slots=1)]:
            fleet.wait_for(worker)
        assert fleet.jobs.submit("test.generations", {"n": 3}).result(timeout=PATIENCE_S)["n"] == 15
        assert fleet.jobs.counts()[JobState.SUCCEEDED] == 15 + 7

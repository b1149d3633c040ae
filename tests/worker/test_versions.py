"""Workers of two versions of a kind: what becomes of the jobs that the older one has begun."""

from __future__ import annotations

from pathlib import Path

import pytest

from backdesk.cli import main
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.workers import Fleet, Worker

MODULE = "tests.support.versions"


def worker_of(fleet: Fleet, version: str) -> Worker:
    return fleet.start_worker(BACKDESK_TASK_MODULES=MODULE, TEST_VERSION=version)


def begun(fleet: Fleet, kind: str, text: str = "") -> str:
    """A job that a worker has begun, and that waits for a person."""
    job_id = fleet.jobs.submit(f"versions.{kind}", {"text": text}).id
    wait_for_question(fleet, job_id)
    return job_id


def wait_for_question(fleet: Fleet, job_id: str) -> None:
    eventually(lambda: fleet.board.state(job_id) == "waiting", what=f"the question of {job_id}")


def wait_for_lack(fleet: Fleet, job_id: str) -> None:
    eventually(lambda: fleet.jobs.get(job_id).unserved == "version", what=f"{job_id} to lack a worker of its version")


def result(fleet: Fleet, job_id: str) -> tuple[object, int]:
    """What a job came to, and in how many attempts."""
    record = fleet.jobs.wait(job_id, PATIENCE_S)
    return record.result, record.attempt


def test_after_a_deploy_each_job_goes_on_as_its_kind_says(
    fleet_of_this_test: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet, paid = fleet_of_this_test, tmp_path / "paid"
    old = worker_of(fleet, "1")
    waits, resumes, restarts = (begun(fleet, kind) for kind in ("waits", "resumes", "restarts"))
    committed = begun(fleet, "restarts", str(paid))
    old.stop()
    worker_of(fleet, "2")
    for job_id in (waits, resumes, restarts, committed):
        fleet.jobs.approve(job_id)

    assert result(fleet, resumes) == ({"text": "1, then 2"}, 2)
    wait_for_question(fleet, restarts)
    fleet.jobs.approve(restarts)
    assert result(fleet, restarts) == ({"text": "2, then 2"}, 3)

    wait_for_lack(fleet, waits)
    wait_for_lack(fleet, committed)
    monkeypatch.setenv("BACKDESK_REDIS_URL", fleet.url)
    main(("show", waits))
    assert "no live worker may go on from version 1; start one of that version" in capsys.readouterr().out
    main(("doctor",))
    told = " ".join(capsys.readouterr().out.split())
    assert "1 queued of versions.waits: no live worker may go on from version 1" in told
    assert "1 queued of versions.restarts: no live worker may go on from version 1, which has begun what must" in told

    worker_of(fleet, "1")
    assert result(fleet, waits) == ({"text": "1, then 1"}, 2)
    assert result(fleet, committed) == ({"text": "1, then 1"}, 2)
    assert paid.read_text() == "paid\n"


def test_while_both_versions_are_there_each_job_ends_where_it_began(fleet_of_this_test: Fleet) -> None:
    fleet = fleet_of_this_test
    worker_of(fleet, "1")
    jobs = [begun(fleet, "waits") for _ in range(6)]
    worker_of(fleet, "2")
    for job_id in jobs:
        fleet.jobs.approve(job_id)
    assert [result(fleet, job_id) for job_id in jobs] == [({"text": "1, then 1"}, 2)] * len(jobs)


def test_a_job_that_was_submitted_before_a_deploy_begins_at_the_new_version(fleet_of_this_test: Fleet) -> None:
    fleet = fleet_of_this_test
    worker_of(fleet, "1").stop()
    job_id = fleet.jobs.submit("versions.waits", {"text": ""}).id
    worker_of(fleet, "2")
    wait_for_question(fleet, job_id)
    assert fleet.jobs.get(job_id).version == "2"

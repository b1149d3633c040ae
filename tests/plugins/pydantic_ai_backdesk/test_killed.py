"""An agent whose worker is killed for good at each write: nothing that it has finished is done again."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from backdesk.client import Job
from tests.support.eventually import eventually
from tests.support.workers import Fleet, Worker

MODULE = "tests.plugins.pydantic_ai_backdesk.mortal"
#: Two requests, a tool, and the announcement and the record of an unsafe one.
WRITES = 5


def test_killed_by_the_system_at_each_write_an_agent_repeats_no_finished_call(tmp_path: Path) -> None:
    noted = tmp_path / "noted"
    noted.touch()
    with Fleet(tmp_path, max_crashes=20) as fleet:
        begin = partial(fleet.begin_worker, slots=1, BACKDESK_TASK_MODULES=MODULE, MORTAL_NOTED=str(noted))
        fleet.wait_for(worker := begin())
        job = fleet.jobs.submit("plugin.mortal", {"message": "Pay for the kettle."})
        deaths = 0
        while not job.get().done:
            eventually(partial(_is_over, job, worker), what="the end of the worker, or of the job, or a question")
            if job.get().state == "waiting":
                _settle(fleet, job, noted)
            elif not worker.alive:
                deaths += 1
                worker = begin()
        assert job.result()["output"] == "done"
    calls = [line for line in noted.read_text().split() if not line.startswith("write:")]
    assert sorted(calls) == ["look", "pay", "request", "request"]
    assert deaths == WRITES


def _is_over(job: Job, worker: Worker) -> bool:
    return not worker.alive or job.get().done or job.get().state == "waiting"


def _settle(fleet: Fleet, job: Job, noted: Path) -> None:
    """Say what a person can find out: whether the payment was made before its worker died."""
    if "pay" in noted.read_text().split():
        fleet.jobs.resolve(job.id, "done", "paid")
    else:
        fleet.jobs.resolve(job.id, "repeat")

"""A worker whose slots are all taken: whatever is next takes the slot of what ends."""

from __future__ import annotations

from pathlib import Path

from backdesk.worker.model.job import JobState
from tests.support.eventually import eventually
from tests.support.workers import Fleet

JOBS = 30


def test_jobs_of_all_kinds_run_once_each_in_few_slots(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet:
        worker = fleet.start_worker(slots=2)
        jobs = [
            job
            for kind in ("test.echo", "test.echo_def", "test.end")
            for job in fleet.jobs.submit_many(kind, [{"text": "task_error"}] * JOBS)
        ]
        states = dict.fromkeys(("test.echo", "test.echo_def"), JobState.SUCCEEDED) | {"test.end": JobState.FAILED}
        eventually(lambda: all(job.get().finished_at for job in jobs), what="the end of all")
        for record in (job.get() for job in jobs):
            assert (record.state, record.attempt) == (states[record.kind], 1)
        keys = fleet.board.keys
        assert any(fleet.redis.hexists(keys.job(job.id), "left_to") for job in jobs), "no slot was passed on"
        assert worker.stop() == 0

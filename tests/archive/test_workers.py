"""The archive beside real workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.eventually import eventually
from tests.support.upkeep import leaks
from tests.support.workers import Fleet

JOBS = 300


def moved(fleet: Fleet) -> int:
    return int(fleet.redis.hget(fleet.board.keys.archive, "archived") or 0)


def test_no_job_is_missed_when_the_worker_that_moves_them_is_killed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/archive.sqlite3"
    with Fleet(tmp_path, archive_url=url, retention_s=1, succeeded_retention_s=1) as fleet:
        workers = [fleet.begin_worker(slots=8) for _ in range(2)]
        for worker in workers:
            fleet.wait_for(worker)
        ids = [job.id for job in fleet.jobs.submit_many("test.echo", [{"text": str(n)} for n in range(JOBS)])]
        eventually(lambda: moved(fleet) > 0, what="the first jobs in the archive")
        leader: Any = fleet.redis.get(fleet.board.keys.leader)
        next(worker for worker in workers if worker.name == leader.decode()).kill()
        eventually(lambda: not fleet.redis.exists(fleet.board.keys.forgetting) and moved(fleet), what="all to be moved")
        eventually(lambda: not fleet.redis.keys("backdesk:job:*"), what="all jobs to have left Redis")
        assert [fleet.jobs.get(job_id).result["text"] for job_id in ids] == [str(n) for n in range(JOBS)]
        assert [event.type for event in fleet.jobs.watch(ids[0])][-1] == "succeeded"
        assert leaks(fleet.redis, "backdesk") == []

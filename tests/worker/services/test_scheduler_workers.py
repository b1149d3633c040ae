"""Schedules on real workers: they fire, and go on when the worker that fires them is killed."""

from __future__ import annotations

from collections import Counter
from typing import Any

from backdesk.worker.model.job import JobRecord
from tests.support.eventually import eventually
from tests.support.upkeep import leaks
from tests.support.workers import Fleet


def fired(fleet: Fleet) -> list[JobRecord]:
    return [*fleet.jobs.list(tenant="acme", limit=1000)]


def test_a_schedule_goes_on_when_the_elected_worker_is_killed_and_no_moment_is_fired_twice(
    fleet_of_this_test: Fleet,
) -> None:
    fleet = fleet_of_this_test
    workers = [fleet.begin_worker() for _ in range(2)]
    for worker in workers:
        fleet.wait_for(worker)
    fleet.jobs.schedules.add("tick", "test.echo", {"text": "hi"}, every=1, tenant="acme")
    eventually(lambda: fleet.jobs.schedules.get("tick").fired >= 2, what="two firings")
    leader: Any = fleet.redis.get(fleet.board.keys.leader)
    victim = next(worker for worker in workers if worker.name == leader.decode())
    victim.kill()
    before = fleet.jobs.schedules.get("tick").fired
    eventually(lambda: fleet.jobs.schedules.get("tick").fired >= before + 2, what="two firings of the other worker")
    fleet.jobs.schedules.pause("tick")
    eventually(lambda: all(job.done for job in fired(fleet)), what="the end of all jobs")
    jobs, record = fired(fleet), fleet.jobs.schedules.get("tick")
    planned = Counter(job.metadata["schedule"]["planned_at"] for job in jobs)
    assert set(planned.values()) == {1}
    assert len(jobs) == record.fired
    assert {job.state for job in jobs} == {"succeeded"}
    assert leaks(fleet.redis, "backdesk") == []

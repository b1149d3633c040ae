"""What Redis can do to a worker: running jobs go on, and it consumes again soon after. Nothing is lost or run twice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest

from backdesk.client import Job, StoreFull
from backdesk.worker.model.job import JobState
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.faults import FAULTS, refusing
from tests.support.proxy import Proxy
from tests.support.workers import Fleet, Queue, Worker

#: Longer than any time-out of the workers under test, so that each of their waits on Redis fails.
SOCKET_TIMEOUT_S, FAULT_S = 0.3, 0.7
#: What is promised is five seconds; the rest is for a machine that is busy with other tests.
AGAIN_WITHIN_S = 20.0

WAITING: dict[Queue, str] = {"agents": "test.wait_for_file", "tools": "test.wait_for_file_tool"}
QUICK: dict[Queue, str] = {"agents": "test.echo", "tools": "test.tool"}


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One worker of each queue, which must survive every test of this module."""
    folder = tmp_path_factory.mktemp("steady")
    with Fleet(folder, keep=folder / "data", lease_s=4.0, socket_timeout_s=SOCKET_TIMEOUT_S) as fleet:
        for worker in [fleet.begin_worker("agents", slots=4), fleet.begin_worker("tools", slots=2)]:
            fleet.wait_for(worker)
        yield fleet


@contextmanager
def frozen(fleet: Fleet) -> Iterator[None]:
    """A server that keeps its connections and answers nothing."""
    os.kill(fleet.server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(fleet.server.pid, signal.SIGCONT)


@contextmanager
def dropped(fleet: Fleet) -> Iterator[None]:
    """A server that ends every connection of a worker, also those that are made anew."""

    def drop() -> None:
        for client in fleet.redis.client_list():
            if client["name"].startswith("backdesk") and client["id"] != str(fleet.redis.client_id()):
                fleet.redis.execute_command("CLIENT", "KILL", "ID", client["id"])

    drop()
    yield
    drop()


def fault(fleet: Fleet, name: str) -> AbstractContextManager[None]:
    if name in FAULTS:
        return refusing(fleet.url, name)
    return {"frozen": frozen, "restarted": Fleet.redis_stopped, "dropped": dropped}[name](fleet)


def begin(fleet: Fleet, queue: Queue, flag: Path) -> Job:
    job = fleet.jobs.submit(WAITING[queue], {"flag": str(flag)})
    fleet.wait_until_running(job.id)
    return job


def hold(seconds: float) -> None:
    """Let a fault last: here time itself is what is tested."""
    time.sleep(seconds)


def submit_when_taken(fleet: Fleet, kind: str) -> Job:
    """Submit again while it is refused because Redis was full when the leader looked last."""

    def submitted() -> Job | None:
        with suppress(StoreFull):
            return fleet.jobs.submit(kind, {})
        return None

    job = eventually(submitted, AGAIN_WITHIN_S, what="a submit after the fault")
    assert job
    return job


def check_that_all_is_well(fleet: Fleet, running: list[Job], flag: Path) -> None:
    over_at = time.monotonic()
    quick = [submit_when_taken(fleet, kind) for kind in QUICK.values()]
    assert all(job.result(timeout=AGAIN_WITHIN_S) for job in quick)
    assert time.monotonic() - over_at < AGAIN_WITHIN_S
    flag.touch()
    for job in [*running, *quick]:
        job.result(timeout=PATIENCE_S)
        events = fleet.board.events(job.id)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert [event.type for event in events if event.type != "progress"] == ["queued", "started", "succeeded"]
    assert all(worker.alive for worker in fleet.workers)


@pytest.mark.parametrize("name", ["dropped", "frozen", *FAULTS, "restarted"])
def test_jobs_run_on_through_a_fault_of_redis_and_new_ones_are_consumed_after_it(
    steady: Fleet, tmp_path: Path, name: str
) -> None:
    flag = tmp_path / "go"
    running = [begin(steady, queue, flag) for queue in WAITING]
    with fault(steady, name):
        hold(FAULT_S)
    check_that_all_is_well(steady, running, flag)


@pytest.mark.parametrize("name", ["frozen", "OOM", "READONLY"])
def test_a_job_that_ends_during_a_fault_of_redis_keeps_its_outcome(steady: Fleet, tmp_path: Path, name: str) -> None:
    flag = tmp_path / "go"
    running = [begin(steady, queue, flag) for queue in WAITING]
    with fault(steady, name):
        flag.touch()
        hold(FAULT_S)
    check_that_all_is_well(steady, running, flag)


def test_what_workers_say_of_a_fault_is_short(steady: Fleet) -> None:
    def is_told() -> bool:
        told = [line for worker in steady.workers for line in worker.logged("redis_unavailable")]
        return any("raise its maxmemory" in line["error"] for line in told)

    with refusing(steady.url, "OOM"):
        hold(FAULT_S)
        eventually(is_told)
    assert not [line for worker in steady.workers for line in worker.lines if "maxmemory" in line.get("exception", "")]
    assert not [line for worker in steady.workers for line in worker.logged("periodic_failed")]


def test_half_open_connections_are_given_up_and_jobs_run_on(fleet_of_this_test: Fleet, tmp_path: Path) -> None:
    fleet, flag = fleet_of_this_test, tmp_path / "go"
    with Proxy(fleet.server.port) as proxy:
        worker = _through(fleet, proxy)
        running = begin(fleet, "agents", flag)
        proxy.strand_all()
        quick = [fleet.jobs.submit("test.echo", {}) for _ in range(3)]
        assert all(job.result(timeout=PATIENCE_S) for job in quick)
        flag.touch()
        assert running.result(timeout=PATIENCE_S)
        assert [job.get().attempt for job in (running, *quick)] == [1, 1, 1, 1]
        assert worker.alive


def _through(fleet: Fleet, proxy: Proxy) -> Worker:
    return fleet.start_worker(
        slots=4, BACKDESK_REDIS_URL=proxy.url, BACKDESK_LEASE_S="8", BACKDESK_SOCKET_TIMEOUT_S="2"
    )


@pytest.mark.soak
@pytest.mark.parametrize("name", ["frozen", "restarted", "OOM", "READONLY"])
def test_with_default_settings_half_a_minute_without_redis_is_survived(tmp_path: Path, name: str) -> None:
    flag = tmp_path / "go"
    with Fleet(tmp_path, keep=tmp_path / "data", lease_s=8, tick_s=1, redispatch_after_s=5) as fleet:
        for worker in [fleet.begin_worker("agents", slots=4), fleet.begin_worker("tools", slots=2)]:
            fleet.wait_for(worker)
        running = [begin(fleet, queue, flag) for queue in WAITING]
        with fault(fleet, name):
            hold(30)
        check_that_all_is_well(fleet, running, flag)
        eventually(lambda: fleet.jobs.counts()[JobState.SUCCEEDED] == 4)

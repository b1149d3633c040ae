"""Workers that are alive and do nothing: each fault is brought about for real, noticed, and mended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backdesk.worker.errors import JobFailed
from backdesk.worker.process.event_loop import LoopBlocked, ProcessLoop
from backdesk.worker.process.loop_guard import EXIT_CODE, LoopGuard
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.proxy import Proxy
from tests.support.workers import Fleet

# Consuming


@pytest.fixture
def proxy(fleet_of_this_test: Fleet) -> Iterator[Proxy]:
    with Proxy(fleet_of_this_test.server.port) as proxy:
        yield proxy


def test_a_transport_that_has_forgotten_its_sockets_is_noticed_and_connected_again(fleet_of_this_test: Fleet) -> None:
    fleet = fleet_of_this_test
    worker = fleet.start_worker(slots=2)
    fleet.jobs.submit("test.forget_sockets", {}).result(timeout=PATIENCE_S)
    job = fleet.jobs.submit("test.echo", {})
    (noticed,) = eventually(lambda: worker.logged("not_consuming"), what="the notice")
    assert (noticed["deliveries_waiting"], noticed["free_slots"]) == (1, 2)
    assert job.result(timeout=PATIENCE_S)
    assert eventually(lambda: worker.logged("consuming_again"))
    assert worker.alive


def test_a_consuming_thread_that_waits_on_a_half_open_connection_is_freed(
    fleet_of_this_test: Fleet, proxy: Proxy
) -> None:
    """It sends the heartbeat, too, and waits for the answer."""
    fleet = fleet_of_this_test
    worker = fleet.start_worker(slots=2, BACKDESK_REDIS_URL=proxy.url)
    proxy.strand_next(b"worker.heartbeat")
    eventually(lambda: proxy.stranded, what="the half-open connection")
    jobs = [fleet.jobs.submit("test.echo", {}) for _ in range(2)]
    (noticed, *_) = eventually(lambda: worker.logged("not_consuming"), what="the notice")
    assert "read_response" in noticed["stack"]
    assert all(job.result(timeout=PATIENCE_S) for job in jobs)
    assert eventually(lambda: worker.logged("consuming_again"))
    assert worker.alive


def test_a_worker_that_is_full_or_has_nothing_to_do_is_left_alone(fleet_of_this_test: Fleet, tmp_path: Path) -> None:
    fleet, flag = fleet_of_this_test, tmp_path / "go"
    worker = fleet.start_worker(slots=1)
    running = fleet.jobs.submit("test.wait_for_file", {"flag": str(flag)})
    fleet.wait_until_running(running.id)
    waiting = fleet.jobs.submit("test.echo", {})
    eventually(lambda: (fleet.jobs.workers()[0].consumed_s or 0) > 1.8, what="some looks of the watchdog")
    flag.touch()
    assert waiting.result(timeout=PATIENCE_S)
    assert not worker.logged("not_consuming")


# The event loop


def test_a_body_that_holds_up_the_loop_fails_and_the_others_go_on(fleet_of_this_test: Fleet, tmp_path: Path) -> None:
    fleet, flag = fleet_of_this_test, tmp_path / "go"
    worker = fleet.start_worker(slots=2)
    beside = fleet.jobs.submit("test.wait_for_file", {"flag": str(flag)})
    fleet.wait_until_running(beside.id)
    culprit = fleet.jobs.submit("test.spin_loop", {"n": 60})
    with pytest.raises(JobFailed, match="held up the event loop") as caught:
        culprit.result(timeout=PATIENCE_S)
    assert caught.value.failure.code == "loop_blocked"
    (told,) = [line for line in worker.logged("loop_stuck") if "stack" in line]
    assert "in spin_loop" in told["stack"]
    flag.touch()
    assert beside.result(timeout=PATIENCE_S)
    assert (beside.get().attempt, worker.alive) == (1, True)


def test_a_loop_that_cannot_be_interrupted_ends_the_process_and_its_jobs_run_elsewhere(
    fleet_of_this_test: Fleet,
) -> None:
    fleet = fleet_of_this_test
    worker = fleet.start_worker(slots=1)
    job = fleet.jobs.submit("test.block_loop", {"n": 60})
    fleet.wait_until_running(job.id)
    other = fleet.begin_worker(slots=1)
    assert eventually(lambda: worker.exit_code, what="its end") == EXIT_CODE
    (told,) = worker.logged("process_ended_because_its_loop_is_stuck")
    assert "in block_loop" in told["stack"]
    assert job.result(timeout=PATIENCE_S)
    assert (job.get().attempt, job.get().worker) == (2, other.name)


def test_an_interruption_that_hits_asyncio_itself_does_not_end_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    loop = ProcessLoop()

    async def answer() -> int:
        return 7

    loop.run(answer()).result(PATIENCE_S)
    loop.interrupt()
    assert loop.run(answer()).result(PATIENCE_S) == 7
    assert LoopBlocked.__name__ in caplog.text
    loop.stop()


class SilentLoop(ProcessLoop):
    """Never answers, and remembers what was done about it."""

    def __init__(self) -> None:
        super().__init__()
        self.interrupts = 0

    def silent_for(self) -> float:
        return 100.0

    def interrupt(self) -> None:
        self.interrupts += 1


def test_a_process_that_was_suspended_is_not_taken_for_one_whose_loop_is_stuck() -> None:
    loop, now_s = SilentLoop(), [0.0]
    guard = LoopGuard(loop, lease_s=8, clock_s=lambda: now_s[0])
    now_s[0] = 3600.0
    guard.look()
    assert loop.interrupts == 0
    for _ in range(40):
        now_s[0] += 0.25
        guard.look()
    assert loop.interrupts == 1

"""How a worker ends: its jobs first, nothing is reported as an error, and a second signal asks for hurry."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGINT, SIGQUIT, SIGTERM, Signals

import pytest

from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.celery.shutdown import Shutdown
from tests.support import kinds  # noqa: F401 - fills REGISTRY
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.workers import ROOT, Fleet, Queue, Worker

ALL = (SIGTERM, SIGINT, SIGQUIT)
#: Far below the grace that a worker has for jobs that do not end.
PROMPTLY_S = 30


class Calls(list[str]):
    """What was called, in order, and never by the thread that handles signals."""

    def warm(self, *_: object) -> None:
        self.append("warm")

    def begin(self) -> None:
        assert threading.current_thread() is not threading.main_thread()
        self.append("begin")

    def hurry(self) -> None:
        assert threading.current_thread() is not threading.main_thread()
        self.append("hurry")


@pytest.fixture
def calls() -> Iterator[Calls]:
    """Stands in for Celery; the handlers of this process are put back."""
    before = {number: signal.getsignal(number) for number in ALL}
    calls = Calls()
    signal.signal(SIGTERM, calls.warm)
    yield calls
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [SIGTERM, SIGINT])
def test_the_first_signal_begins_and_the_second_hurries(calls: Calls, number: Signals) -> None:
    Shutdown(calls.begin, calls.hurry).install()
    signal.raise_signal(number)
    eventually(lambda: calls == ["warm", "begin"])
    signal.raise_signal(number)
    eventually(lambda: calls == ["warm", "begin", "hurry"])


def test_sigquit_begins_and_hurries_at_once(calls: Calls) -> None:
    Shutdown(calls.begin, calls.hurry).install()
    signal.raise_signal(SIGQUIT)
    eventually(lambda: len(calls) == 3)
    assert (calls[0], {*calls}) == ("warm", {"warm", "begin", "hurry"})


def test_further_signals_change_nothing(calls: Calls) -> None:
    Shutdown(calls.begin, calls.hurry).install()
    for number in ALL * 2:
        signal.raise_signal(number)
    eventually(lambda: len(calls) == 3)
    eventually(lambda: not any(thread.name == "backdesk-shutdown" for thread in threading.enumerate()))
    assert sorted(calls) == ["begin", "hurry", "warm"]


def test_hurry_does_not_wait_for_a_beginning_that_hangs(calls: Calls) -> None:
    release = threading.Event()

    def hang() -> None:
        release.wait(PATIENCE_S)

    Shutdown(hang, calls.hurry).install()
    signal.raise_signal(SIGTERM)
    signal.raise_signal(SIGTERM)
    eventually(lambda: calls == ["warm", "hurry"])
    release.set()


def test_hurry_comes_even_if_the_beginning_fails(calls: Calls, caplog: pytest.LogCaptureFixture) -> None:
    Shutdown([].pop, calls.hurry).install()
    signal.raise_signal(SIGQUIT)
    eventually(lambda: calls == ["warm", "hurry"] and "shutdown_step_failed" in caplog.text)


def assert_ends_well(worker: Worker) -> None:
    asked_at = time.monotonic()
    assert worker.wait() == 0
    assert time.monotonic() - asked_at < PROMPTLY_S
    assert [line for line in worker.lines if line["level"] in {"error", "critical"}] == []
    assert [word for word in ("Traceback", "Error", "exited with", "Cold shutdown") if word in worker.text] == []


@pytest.mark.parametrize(
    ("queue", "kind", "number"),
    [("agents", "test.wait_for_file", SIGINT), ("tools", "test.wait_for_file_tool", SIGTERM)],
)
def test_a_signal_to_all_processes_of_a_worker_lets_its_jobs_end_first(
    fleet_of_this_test: Fleet, tmp_path: Path, queue: Queue, kind: str, number: Signals
) -> None:
    fleet, flag = fleet_of_this_test, tmp_path / "go"
    worker = fleet.start_worker(queue, slots=1)
    job = fleet.jobs.submit(kind, {"flag": str(flag)})
    fleet.wait_until_running(job.id)
    worker.signal(number)
    eventually(lambda: worker.logged("draining"))
    before = job.get().events
    eventually(lambda: job.get().events > before, what="more progress")
    flag.touch()
    assert_ends_well(worker)
    assert (job.get().state, job.get().attempt) == ("succeeded", 1)


@pytest.mark.parametrize(
    ("queue", "kind", "numbers"),
    [
        ("agents", "test.wait_for_file", [SIGTERM, SIGTERM]),
        ("tools", "test.wait_for_file_tool", [SIGINT, SIGQUIT]),
    ],
)
def test_a_second_signal_has_the_jobs_handed_over_at_once(
    fleet_of_this_test: Fleet, tmp_path: Path, queue: Queue, kind: str, numbers: list[Signals]
) -> None:
    fleet = fleet_of_this_test
    worker = fleet.start_worker(queue, slots=1)
    job = fleet.jobs.submit(kind, {"flag": str(tmp_path / "never")})
    fleet.wait_until_running(job.id)
    worker.signal(numbers[0])
    eventually(lambda: worker.logged("draining"))
    worker.signal(numbers[1])
    assert_ends_well(worker)
    record = job.get()
    assert (record.state, record.failures, record.crashes) == ("queued", 0, 0)
    assert [attempt.outcome for attempt in record.attempts] == ["handed_over"]


def test_when_the_grace_is_over_the_jobs_are_handed_over(tmp_path: Path) -> None:
    with Fleet(tmp_path, drain_grace_s=0.5) as fleet:
        worker = fleet.start_worker("tools", slots=1)
        job = fleet.jobs.submit("test.wait_for_file_tool", {"flag": str(tmp_path / "never")})
        fleet.wait_until_running(job.id)
        worker.signal(SIGTERM)
        assert_ends_well(worker)
        assert [attempt.outcome for attempt in job.get().attempts] == ["handed_over"]


def test_a_job_leaves_a_worker_that_ends_at_its_next_step_and_repeats_none(
    fleet_of_this_test: Fleet, tmp_path: Path
) -> None:
    fleet, steps = fleet_of_this_test, tmp_path / "steps"
    steps.touch()
    worker = fleet.start_worker(slots=1)
    job = fleet.jobs.submit("test.slow_steps", {"n": 60, "flag": str(steps)})
    eventually(lambda: len(steps.read_text().splitlines()) >= 2)
    worker.signal(SIGTERM)
    assert_ends_well(worker)
    assert job.get().state == "queued"
    fleet.start_worker(slots=1)
    assert job.result(PATIENCE_S) == {"n": 60, "flag": ""}
    assert steps.read_text().splitlines() == [str(number) for number in range(60)]
    assert [attempt.outcome for attempt in job.get().attempts] == ["handed_over"]


def test_a_job_of_a_kind_that_its_worker_does_not_know_waits_for_one_that_does(fleet_of_this_test: Fleet) -> None:
    fleet = fleet_of_this_test
    old = fleet.start_worker(slots=2, BACKDESK_TASK_MODULES="tests.support.prepared")
    fleet.redis.hset(fleet.board.keys.kinds, "test.echo", REGISTRY["test.echo"].contract.model_dump_json())
    jobs = fleet.jobs.submit_many("test.echo", [{"text": str(number)} for number in range(20)])
    eventually(lambda: len(old.logged("kind_not_known_here")) == len(jobs), what="all of them given back")
    assert fleet.board.delivered() == []
    fleet.start_worker(slots=2)
    assert [job.result(PATIENCE_S)["text"] for job in jobs] == [str(number) for number in range(20)]


def test_sigquit_to_the_main_process_ends_an_idle_worker_in_good_order(fleet_of_this_test: Fleet) -> None:
    worker = fleet_of_this_test.start_worker(slots=2)
    os.kill(worker.pid, SIGQUIT)
    assert_ends_well(worker)
    assert worker.logged("drained")


def test_a_worker_can_be_ended_while_its_children_start(fleet_of_this_test: Fleet) -> None:
    worker = fleet_of_this_test.begin_worker("tools", slots=1, spawns=True)
    eventually(lambda: len(_children(worker)) == 2, what="a child and the keeper of semaphores")
    worker.signal(SIGQUIT)
    assert_ends_well(worker)
    assert worker.logged("drained")


def _children(worker: Worker) -> list[str]:
    return Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()


CHILD = """
import os, signal, subprocess
from billiard import pool
from backdesk.worker.celery import prefork
prefork.install()
pool.reset_signals()
for number in prefork.SHARED - {signal.SIGINT}:
    os.kill(os.getpid(), number)
program = subprocess.Popen(["sleep", "60"])
program.terminate()
print(program.wait())
os.kill(os.getpid(), prefork.END)
"""


def test_a_child_ends_by_its_own_signal_alone_and_the_programs_of_its_bodies_by_the_usual_one() -> None:
    command = [sys.executable, "-c", CHILD]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert child.stdout.strip() == str(-SIGTERM)
    assert child.returncode == signal.SIGHUP  # billiard makes it 1 - 256, of which a byte is left

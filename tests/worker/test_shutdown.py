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

from tests.support.eventually import eventually
from tests.support.plain import plain_celery
from tests.support.workers import ROOT, Fleet, Queue, Worker
from worker.shutdown import Shutdown

ALL = (SIGTERM, SIGINT, SIGQUIT)


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
        release.wait(20)

    Shutdown(hang, calls.hurry).install()
    signal.raise_signal(SIGTERM)
    signal.raise_signal(SIGTERM)
    eventually(lambda: calls == ["warm", "hurry"])
    release.set()


def test_hurry_comes_even_if_the_beginning_fails(calls: Calls, caplog: pytest.LogCaptureFixture) -> None:
    Shutdown([].pop, calls.hurry).install()
    signal.raise_signal(SIGQUIT)
    eventually(lambda: calls == ["warm", "hurry"] and "shutdown_step_failed" in caplog.text)


def assert_ends_well(worker: Worker, within_s: float) -> None:
    asked_at = time.monotonic()
    assert worker.wait() == 0
    assert time.monotonic() - asked_at < within_s
    assert [line for line in worker.lines if line["level"] in {"error", "critical"}] == []
    assert [word for word in ("Traceback", "Error", "exited with", "Cold shutdown") if word in worker.text] == []


@pytest.mark.parametrize(
    ("queue", "kind", "numbers"),
    [
        ("agents", "test.wait_for_file", [SIGTERM]),
        ("agents", "test.wait_for_file", [SIGINT, SIGINT]),
        ("tools", "test.wait_for_file_tool", [SIGTERM, SIGTERM]),
        ("tools", "test.wait_for_file_tool", [SIGINT, SIGQUIT]),
    ],
)
def test_signals_to_all_processes_of_a_worker_let_its_jobs_end_first(
    fleet_of_this_test: Fleet, tmp_path: Path, queue: Queue, kind: str, numbers: list[Signals]
) -> None:
    fleet, flag = fleet_of_this_test, tmp_path / "go"
    worker = fleet.start_worker(queue, slots=1)
    job = fleet.jobs.submit(kind, {"flag": str(flag)})
    fleet.wait_until_running(job.id)
    for number, event in zip(numbers, ["shutdown_begun", "shutdown_hurried"], strict=False):
        worker.signal(number)
        eventually(lambda event=event: worker.logged(event))  # type: ignore[misc]  # its default is its value
        before = job.get().events
        eventually(lambda before=before: job.get().events > before, what="more progress")  # type: ignore[misc]  # as above
    assert worker.alive
    flag.touch()
    assert_ends_well(worker, 8)
    assert (job.get().state, job.get().attempt) == ("succeeded", 1)
    assert bool(worker.logged("shutdown_hurried")) == (len(numbers) > 1)


def test_sigquit_to_the_main_process_ends_an_idle_worker_in_good_order(fleet_of_this_test: Fleet) -> None:
    worker = fleet_of_this_test.start_worker(slots=2)
    os.kill(worker.pid, SIGQUIT)
    assert_ends_well(worker, 8)
    assert worker.logged("shutdown_begun")
    assert worker.logged("shutdown_hurried")


def test_a_worker_can_be_ended_while_its_children_start(fleet_of_this_test: Fleet) -> None:
    worker = fleet_of_this_test.begin_worker("tools", slots=1)
    eventually(lambda: len(_children(worker)) == 2, what="a child and the keeper of semaphores")
    worker.signal(SIGQUIT)
    assert_ends_well(worker, 15)
    assert worker.logged("shutdown_begun")


def _children(worker: Worker) -> list[str]:
    return Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()


CHILD = """
import os, signal, subprocess
from billiard import pool
from worker import children
children.install()
pool.reset_signals()
for number in children.SHARED - {signal.SIGINT}:
    os.kill(os.getpid(), number)
program = subprocess.Popen(["sleep", "60"])
program.terminate()
print(program.wait())
os.kill(os.getpid(), children.END)
"""


def test_a_child_ends_by_its_own_signal_alone_and_the_programs_of_its_bodies_by_the_usual_one() -> None:
    command = [sys.executable, "-c", CHILD]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert child.stdout.strip() == str(-SIGTERM)
    assert child.returncode == signal.SIGHUP  # billiard makes it 1 - 256, of which a byte is left


def test_celery_can_still_terminate_a_task_with_its_child_and_replace_it(fleet_of_this_test: Fleet) -> None:
    fleet = fleet_of_this_test
    fleet.start_worker("tools", slots=1)
    job = fleet.jobs.submit("test.sleep_tool", {"n": 60})
    fleet.wait_until_running(job.id)
    with plain_celery(fleet.url) as app:
        app.conf.control_exchange = f"{fleet.settings.prefix}.control"
        app.control.revoke(job.id, terminate=True)
    eventually(lambda: job.get().state == "failed")
    assert fleet.jobs.submit("test.tool", {}).result(timeout=20) == {"text": "hello"}

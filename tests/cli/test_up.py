"""`backdesk up`: everything on one machine, found by the other commands, and gone after Ctrl-C."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from backdesk.cli.run.up import examples
from backdesk.client import JobClient, JobState
from backdesk.worker.embedded.discovery import find_running
from tests.cli.conftest import Answer, Cli, alive, begin, descendants, finish, words_of
from tests.support.eventually import eventually

KINDS = {"BACKDESK_TASK_MODULES": "tests.support.kinds"}


class Up:
    """A running `backdesk up --json`."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder = folder
        self.process = begin("up", "--json", "--tools", "1", *words, cwd=folder, **KINDS)
        self.ready = self.read("ready")
        self.pids = descendants(self.process.pid)

    def read(self, event: str) -> dict[str, Any]:
        """Read on until an event."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if (told := json.loads(line))["event"] == event:
                return dict(told)
        raise AssertionError(f"it ended without {event}: {self.process.communicate()}")

    def celery_of(self, queue: str) -> int:
        """The process id of the main process of a worker."""
        wanted = f"--hostname={queue}-{self.process.pid}@%h"
        return next(
            pid for pid in descendants(self.process.pid) if words_of(pid)[1:2] == ["-m"] and wanted in words_of(pid)
        )


Ask = Callable[..., Answer]


@pytest.fixture
def ask(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Runs another command in the folder of one that is up, in this process: its own would take a second of CPU."""

    def run(up: Up, *words: str) -> Answer:
        monkeypatch.chdir(up.folder)
        return cli(*words, url=None)

    return run


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    running = Up(tmp_path_factory.mktemp("up"))
    yield running
    running.process.kill()
    running.process.communicate()


def test_up_tells_where_everything_is(up: Up) -> None:
    assert up.ready["redis_url"] == find_running(up.folder / ".backdesk")
    assert up.ready["channel"] == "backdesk:progress:JOB_ID"
    assert set(up.ready["logs"]) == {"redis", "agents", "tools", "gateway", "flower"}
    assert all((up.folder / path).exists() for path in up.ready["logs"].values())


def test_what_up_says_to_try_are_kinds_that_are_there() -> None:
    assert [*examples({"parcels.help"})] == ["backdesk kinds", "backdesk list", "backdesk doctor"]
    assert "backdesk submit orders.audit --wait" in examples({"orders.audit", "parcels.help"})


def test_jobs_are_taken_over_http(up: Up) -> None:
    body = {"kind": "test.echo", "request": {"text": "hello"}}
    answer = httpx2.post(f"{up.ready['gateway_url']}/v1/jobs", params={"wait": 30}, json=body, trust_env=False)
    assert answer.json()["result"] == {"text": "hello"}


def test_flower_answers_on_this_machine(up: Up) -> None:
    address = urlsplit(up.ready["flower_url"])
    connection = http.client.HTTPConnection("127.0.0.1", address.port or 0, timeout=10)
    connection.request("GET", "/workers")
    answer = connection.getresponse()
    page = answer.read().decode()
    connection.close()

    assert (address.hostname, answer.status) == ("127.0.0.1", 200)
    assert "Flower" in page


def test_other_commands_in_the_folder_find_it(up: Up, ask: Ask) -> None:
    watched = finish(
        begin("submit", "test.steps", "--n", "3", "--watch", "--job-id", "in-another-process", cwd=up.folder)
    )
    tool = ask(up, "submit", "test.tool", "--wait", "--for", "60s", "--json")

    assert watched.code == 0, watched.err
    assert "100% step 3" in watched.out
    assert tool.document["result"] == {"text": "hello"}
    assert '"n": 3.0' in ask(up, "show", "in-another-process").out
    assert "in-another-process" in ask(up, "list", "--kind", "test.steps").out
    doctor = ask(up, "doctor", "--json").document
    assert doctor["ok"] is True
    assert {f["check"] for f in doctor["findings"] if f["level"] != "ok"} == {"model"}


def test_a_second_up_in_the_folder_says_where_the_first_is(up: Up) -> None:
    answer = finish(begin("up", cwd=up.folder))

    assert answer.code == 2
    assert f"already as process {up.process.pid}, with Redis at {up.ready['redis_url']}" in answer.err


def test_a_worker_that_dies_is_reported_and_started_again(up: Up, ask: Ask) -> None:
    before = up.celery_of("agents")
    os.kill(before, signal.SIGKILL)
    died = up.read("died")

    assert died["part"] == "agents"
    assert "agents was killed by SIGKILL; it starts again in 1 s" in died["message"]
    assert any("worker_ready" in line for line in died["log"])
    assert ask(up, "submit", "test.echo", "--wait", "--for", "60s").code == 0
    assert up.celery_of("agents") != before


def test_a_redis_that_dies_comes_back_with_its_jobs(up: Up, ask: Ask) -> None:
    ask(up, "submit", "test.echo", "--job-id", "kept", "--delay", "1h")
    address = json.loads((up.folder / ".backdesk" / "redis.json").read_text())
    os.kill(address["pid"], signal.SIGKILL)

    assert up.read("died")["part"] == "redis"
    eventually(lambda: find_running(up.folder / ".backdesk") == up.ready["redis_url"], what="Redis at its old address")
    assert ask(up, "show", "kept", "--json").document["state"] == "scheduled"
    assert ask(up, "submit", "test.echo", "--wait", "--for", "60s").code == 0


def test_ctrl_c_stops_everything_and_the_next_up_goes_on_where_it_ended(tmp_path: Path, ask: Ask) -> None:
    first = Up(tmp_path)
    ask(first, "submit", "test.echo", "--job-id", "kept", "--delay", "1h")
    assert len(first.pids) >= 8
    first.process.send_signal(signal.SIGINT)
    answer = finish(first.process)

    assert answer.code == 0, answer.err
    assert json.loads(answer.out.splitlines()[-1]) == {"event": "stopped"}
    eventually(lambda: not any(map(alive, first.pids)), what="the end of all processes")
    assert find_running(tmp_path / ".backdesk") is None

    second = Up(tmp_path, "--no-flower", "--no-gateway")
    kept = ask(second, "show", "kept", "--json")
    second.process.terminate()
    answer = finish(second.process)

    assert (second.ready["redis_url"], second.ready["flower_url"]) == (first.ready["redis_url"], None)
    assert kept.document["state"] == "scheduled"
    assert answer.code == 0, answer.err
    eventually(lambda: not any(map(alive, second.pids)), what="the end of all processes")


def test_a_killed_up_takes_its_processes_with_it_whatever_they_do_and_however_long_they_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, "BACKDESK_DRAIN_GRACE_S", "3000")
    running = Up(tmp_path, "--no-flower", "--no-gateway")
    with JobClient(running.ready["redis_url"]) as client:
        jobs = [client.submit(kind, {"n": 3000.0}) for kind in ("test.sleep_def", "test.sleep_tool")]
        eventually(lambda: {job.get().state for job in jobs} == {JobState.RUNNING}, what="the start of the jobs")
    pids = descendants(running.process.pid)
    running.process.kill()
    finish(running.process)

    eventually(lambda: not any(map(alive, pids)), what="the end of all processes")


def test_a_part_that_fails_at_the_start_stops_everything(tmp_path: Path) -> None:
    (tmp_path / "structlog.py").write_text("raise RuntimeError('no logs today')\n")
    answer = finish(begin("up", "--no-flower", "--no-gateway", cwd=tmp_path, **KINDS))

    assert answer.code == 1
    assert "ended with exit code 1 at its start" in answer.err
    assert "no logs today" in answer.err
    assert "Stopped." in answer.out
    assert find_running(tmp_path / ".backdesk") is None


def test_flower_takes_the_next_free_port(tmp_path: Path) -> None:
    from backdesk.cli.run.up import _free_port

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port < _free_port("flower", port, ()) <= port + 50

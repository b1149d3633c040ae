"""`backdesk worker` and `backdesk flower` become the Celery process that they describe."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from backdesk.worker.embedded.server import EmbeddedRedis
from tests.cli.conftest import Cli, begin
from tests.support.eventually import PATIENCE_S, eventually

Calls = list[tuple[list[str], dict[str, str]]]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Calls:
    calls: Calls = []

    def execve(_path: str, command: list[str], env: dict[str, str]) -> None:
        calls.append((command, env))

    monkeypatch.setattr(os, "execve", execve)
    return calls


def test_agents_run_in_threads_and_tools_in_processes(cli: Cli, started: Calls, redis_server: EmbeddedRedis) -> None:
    for words in (["agents"], ["tools"], []):
        assert cli("worker", *words, url=redis_server.url).code == 0
    (agents, env), (tools, _), (everything, _) = started

    assert agents[1:3] == ["-m", "backdesk.worker"]
    assert {"--queues=agents", "--pool=custom", "--concurrency=200", f"--hostname=agents-{os.getpid()}@%h"} <= set(
        agents
    )
    assert {"--without-gossip", "--without-mingle", "--loglevel=INFO"} <= set(agents)
    assert {"--queues=tools", "--pool=prefork", f"--concurrency={len(os.sched_getaffinity(0))}"} <= set(tools)
    assert {"--queues=agents,tools", "--pool=custom"} <= set(everything)
    assert env["BACKDESK_REDIS_URL"] == redis_server.url


def test_options_of_a_worker_are_passed_on(cli: Cli, started: Calls, redis_server: EmbeddedRedis) -> None:
    cli("worker", "tools", "--concurrency", "3", "--name", "mine", "--log-level", "debug", url=redis_server.url)

    assert {"--concurrency=3", "--hostname=mine@%h", "--loglevel=DEBUG"} <= set(started[0][0])


def test_an_unknown_queue_is_refused_with_those_there_are(cli: Cli, started: Calls) -> None:
    answer = cli("worker", "agent")

    assert (answer.code, started) == (2, [])
    assert "unknown queue 'agent'; the queues are agents, tools" in answer.err


def test_without_celery_it_says_what_to_install(cli: Cli, started: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)

    for command, extra in (("worker", "worker"), ("flower", "flower"), ("demo", "worker"), ("up", "worker")):
        answer = cli(command)
        assert answer.code == 2
        assert f'pip install "backdesk[{extra}]"' in answer.err
    assert started == []


def test_a_redis_that_is_away_is_a_warning_since_it_may_come(cli: Cli, started: Calls) -> None:
    answer = cli("worker", "agents")

    assert (answer.code, len(started)) == (0, 1)
    assert "no Redis could be reached" in answer.err


def test_flower_listens_on_this_machine_only_unless_told_otherwise(
    cli: Cli, started: Calls, redis_server: EmbeddedRedis
) -> None:
    answer = cli("flower", "--", "--url-prefix=f", url=redis_server.url)

    assert {"flower", "--address=127.0.0.1", "--port=5555", "--url-prefix=f"} <= set(started[0][0])
    assert answer.err == ""


def test_an_open_flower_without_a_password_is_warned_about(
    cli: Cli,
    started: Calls,
    redis_server: EmbeddedRedis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = ["flower", "--address", "0.0.0.0"]  # noqa: S104 - what is warned about

    assert "FLOWER_BASIC_AUTH" in cli(*words, url=redis_server.url).err
    assert cli(*words, "--", "--basic_auth=me:secret", url=redis_server.url).err == ""
    monkeypatch.setenv("FLOWER_BASIC_AUTH", "me:secret")
    assert cli(*words, url=redis_server.url).err == ""
    assert len(started) == 3


def test_a_worker_in_its_own_process_runs_and_stops_at_sigterm(redis_server: EmbeddedRedis, tmp_path: Path) -> None:
    worker = begin(
        "worker", "agents", "--json", cwd=tmp_path,
        BACKDESK_REDIS_URL=redis_server.url, BACKDESK_TASK_MODULES="tests.support.kinds",
    )  # fmt: skip
    try:
        from backdesk.client import JobClient

        with JobClient(redis_server.url) as jobs:
            (announced,) = eventually(jobs.workers, what="the announcement")
        assert announced.pid == worker.pid
        assert announced.slots == {"agents": 200}
        worker.terminate()
        out, log = worker.communicate(timeout=PATIENCE_S)
    finally:
        worker.kill()
    assert worker.returncode == 0
    assert out == ""
    assert '{"event": "worker_ready"' in log

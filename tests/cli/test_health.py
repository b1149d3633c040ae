"""`backdesk health` and `backdesk workers`, for people, scripts and container probes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import redis

from backdesk.worker.model.health import HealthReport, WorkerFacts
from backdesk.worker.settings import Settings
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.scripts import run
from tests.cli.conftest import Cli
from tests.support.eventually import eventually
from tests.support.workers import Fleet

WELL = WorkerFacts(name="agents@one", slots={"agents": 4}, queues=("agents",))
ILL = WorkerFacts(name="tools@two", slots={"tools": 2}, queues=("tools",), consuming=False)


def announce(client: redis.Redis, settings: Settings, *workers: WorkerFacts) -> None:
    for worker in workers:
        run(client, Transitions(settings).announce(worker.name, 60_000, worker.model_dump(mode="json")))


def test_workers_that_are_well(on_fleet: Cli, fleet: Fleet) -> None:
    # What they announce first after a sleep is from before it.
    eventually(lambda: on_fleet("health").code == 0, what="workers that are well")
    answer = on_fleet("health")
    assert all(worker.name in answer.out for worker in fleet.workers)
    document = on_fleet("health", "--json").document
    assert document["healthy"]
    assert [report["worker"]["name"] for report in document["workers"]] == [worker.name for worker in fleet.workers]


def test_one_worker_of_many(cli: Cli, client: redis.Redis, settings: Settings) -> None:
    announce(client, settings, WELL, ILL)
    assert cli("health", "--worker", WELL.name, url=settings.url).code == 0
    assert cli("health", "--worker", ILL.name, url=settings.url).code == 1
    answer = cli("health", "--worker", "nobody", url=settings.url)
    assert (answer.code, "no worker 'nobody' is alive" in answer.err) == (1, True)


def test_one_that_is_not_well_is_named_with_the_reason(cli: Cli, client: redis.Redis, settings: Settings) -> None:
    announce(client, settings, WELL, ILL)
    answer = cli("health", url=settings.url)
    assert answer.code == 1
    (line,) = [line for line in answer.out.splitlines() if line.startswith(ILL.name)]
    assert "consuming stopped" in line
    document = cli("health", "--json", url=settings.url).document
    assert [report["healthy"] for report in document["workers"]] == [True, False]


def test_without_any_worker_it_fails(cli: Cli, settings: Settings) -> None:
    answer = cli("health", url=settings.url)
    assert (answer.code, answer.out) == (1, "")
    assert "no worker is alive" in answer.err


def test_without_redis_it_fails_in_another_way(cli: Cli) -> None:
    assert cli("health").code == 3


@pytest.mark.parametrize(("facts", "code"), [(WELL, 0), (ILL, 1)])
def test_a_health_file_is_judged_without_redis(cli: Cli, tmp_path: Path, facts: WorkerFacts, code: int) -> None:
    path = tmp_path / "health.json"
    path.write_text(HealthReport.of(facts, time.time()).model_dump_json())
    answer = cli("health", "--file", str(path))
    assert answer.code == code
    assert answer.out.splitlines()[0].startswith("healthy" if code == 0 else "unhealthy: consuming stopped")


def test_an_old_health_file_is_a_bad_sign(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "health.json"
    path.write_text(HealthReport.of(WELL, time.time() - 60).model_dump_json())
    answer = cli("health", "--file", str(path), "--json")
    assert answer.code == 1
    assert "gone or frozen" in answer.document["workers"][0]["reasons"][0]


def test_a_missing_health_file_is_a_bad_sign(cli: Cli, tmp_path: Path) -> None:
    answer = cli("health", "--file", str(tmp_path / "none.json"))
    assert (answer.code, "no health file" in answer.out) == (1, True)


def test_a_worker_and_a_file_at_once_make_no_sense(cli: Cli) -> None:
    assert cli("health", "--worker", "a", "--file", "b").code == 2


def test_the_workers_are_listed_with_their_state(cli: Cli, client: redis.Redis, settings: Settings) -> None:
    announce(client, settings, WELL, ILL, WELL.model_copy(update={"name": "agents@three", "draining": True}))
    answer = cli("workers", url=settings.url)
    assert answer.code == 0
    states = {line.split()[0]: line for line in answer.out.splitlines()[1:]}
    assert " ok " in states["agents@one"]
    assert " draining " in states["agents@three"]
    assert "consuming stopped" in states["tools@two"]
    told = [WorkerFacts.model_validate(one) for one in cli("workers", "--json", url=settings.url).document]
    assert [worker.name for worker in told] == ["agents@one", "agents@three", "tools@two"]
    assert told[2] == ILL


def test_without_any_worker_it_says_how_to_start_one(cli: Cli, settings: Settings) -> None:
    answer = cli("workers", url=settings.url)
    assert (answer.code, "backdesk worker agents" in answer.out) == (0, True)

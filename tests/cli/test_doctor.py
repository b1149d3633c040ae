"""`backdesk doctor`: what is wrong with a deployment, and what to do about it."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from backdesk.worker.embedded.server import EmbeddedRedis
from tests.cli.conftest import Answer, Cli
from tests.support.workers import Fleet

KEY = "sk-secret-of-the-test"


def findings(answer: Answer) -> dict[str, dict[str, Any]]:
    return {finding["check"]: finding for finding in answer.document["findings"]}


def test_a_deployment_that_runs_has_no_failure(on_fleet: Cli) -> None:
    answer = on_fleet("doctor", "--json")
    found = findings(answer)

    assert answer.code == 0
    assert answer.document["ok"] is True
    levels = {check: found[check]["level"] for check in ("redis", "eviction", "latency", "clock", "versions", "kinds")}
    assert set(levels.values()) == {"ok"}, levels
    assert found["workers of agents"]["detail"] == "1 alive, 4 slots"
    assert "handed to Celery" in found["queue tools"]["detail"]


def test_every_finding_that_is_not_ok_says_what_to_do(cli: Cli, redis_server: EmbeddedRedis) -> None:
    answer = cli("doctor", "--json", url=redis_server.url)
    troubled = [finding for finding in answer.document["findings"] if finding["level"] != "ok"]

    assert answer.code == 0
    assert {"persistence", "workers of agents", "workers of tools", "kinds", "model"} == {f["check"] for f in troubled}
    assert all(finding["fix"] for finding in troubled)
    assert "backdesk worker agents" in cli("doctor", url=redis_server.url).out


def test_a_redis_that_evicts_is_a_failure(cli: Cli, redis_server: EmbeddedRedis, client: redis.Redis) -> None:
    client.config_set("maxmemory-policy", "allkeys-lru")
    answer = cli("doctor", "--json", url=redis_server.url)

    assert answer.code == 1
    assert answer.document["ok"] is False
    assert findings(answer)["eviction"]["level"] == "fail"
    assert "noeviction" in findings(answer)["eviction"]["fix"]


def test_without_redis_it_still_answers(cli: Cli) -> None:
    answer = cli("doctor", "--json")

    assert answer.code == 3
    assert findings(answer)["redis"]["level"] == "fail"
    assert findings(answer)["redis"]["fix"] == "start `backdesk up`, or set BACKDESK_REDIS_URL"
    assert "fail  redis" in cli("doctor").out


def test_the_model_is_told_and_its_key_is_not(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://me:{KEY}@127.0.0.1:1/v1")
    monkeypatch.setenv("BACKDESK_MODEL", "my-model")
    answer = cli("doctor", "--json")

    assert findings(answer)["model"]["detail"] == "my-model at http://me:***@127.0.0.1:1/v1, with a key"
    assert KEY not in answer.out


def test_a_wrong_setting_of_the_model_is_a_failure(
    cli: Cli, redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "localhost")
    answer = cli("doctor", "--json", url=redis_server.url)

    assert answer.code == 1
    assert "OPENAI_BASE_URL" in findings(answer)["model"]["detail"]


def test_the_jobs_are_counted(on_fleet: Cli, fleet: Fleet) -> None:
    fleet.jobs.submit("test.echo", {}).result(10)

    assert "succeeded" in findings(on_fleet("doctor", "--json"))["jobs"]["detail"]

"""`backdesk doctor`: what is wrong with a deployment, and what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import redis

from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.model.contract import KindContract
from backdesk.worker.settings import Settings
from backdesk.worker.store.connection import connect
from tests.cli.conftest import Answer, Cli
from tests.support.board import Board
from tests.support.eventually import PATIENCE_S
from tests.support.neighbour import NAME, neighbour
from tests.support.plain import envelope
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
    assert "delivered, not taken" in found["queue tools"]["detail"]
    assert found["unserved jobs"]["level"] == "ok"


def test_every_finding_that_is_not_ok_says_what_to_do(cli: Cli, redis_server: EmbeddedRedis) -> None:
    answer = cli("doctor", "--json", url=redis_server.url)
    troubled = [finding for finding in answer.document["findings"] if finding["level"] != "ok"]

    assert answer.code == 0
    assert {"persistence", "workers of agents", "workers of tools", "kinds", "model"} == {f["check"] for f in troubled}
    assert all(finding["fix"] for finding in troubled)
    assert "backdesk worker agents" in cli("doctor", url=redis_server.url).out


def test_jobs_that_nobody_can_run_are_a_failure(cli: Cli, redis_server: EmbeddedRedis, settings: Settings) -> None:
    board = Board(connect(redis_server.url), settings)
    board.submit(queue="tools", kind="test.tool")
    answer = cli("doctor", "--json", url=redis_server.url)

    assert answer.code == 1
    finding = findings(answer)["unserved jobs"]
    assert finding["level"] == "fail"
    assert finding["detail"] == "1 queued in tools: no live worker reads the queue tools"
    assert finding["fix"] == "start one: backdesk worker tools"
    assert "1 queued, 1 of them delivered, not taken" in findings(answer)["queue tools"]["detail"]


def test_counts_that_were_put_right_are_told(cli: Cli, redis_server: EmbeddedRedis, settings: Settings) -> None:
    board = Board(connect(redis_server.url), settings)
    assert findings(cli("doctor", "--json", url=redis_server.url))["flow"]["level"] == "ok"
    board.submit()
    board.client.hset(board.keys.flow, "queue agents", -7)
    begin = True
    while not board.run(board.transitions.recount(begin=begin)).over:
        begin = False
    finding = findings(cli("doctor", "--json", url=redis_server.url))["flow"]
    assert finding["level"] == "warn"
    assert finding["detail"].endswith("queue agents: -7, not 1")


def test_missing_rights_are_told_with_the_rule_that_gives_them(
    cli: Cli, redis_server: EmbeddedRedis, client: redis.Redis
) -> None:
    url = redis_server.url.replace("//", "//app:x@")
    for rules, level, rule in (
        ("~backdesk:* &*", "fail", "ACL SETUSER app ~backdesk:* ~backdesk.*"),
        ("~* resetchannels", "warn", "ACL SETUSER app &backdesk:*"),
    ):
        client.execute_command("ACL", "SETUSER", "app", "reset", "on", ">x", "+@all", *rules.split())
        finding = findings(cli("doctor", "--json", url=url))["rights"]
        assert (finding["level"], finding["fix"]) == (level, rule)


@pytest.mark.parametrize("lacking", ["-evalsha", "-hgetall", "-zrevrangebyscore", "resetkeys"])
def test_a_user_who_may_not_even_be_examined_is_told_the_rule_that_allows_it(
    cli: Cli, redis_server: EmbeddedRedis, client: redis.Redis, lacking: str
) -> None:
    url = redis_server.url.replace("//", "//app:x@")
    client.execute_command("ACL", "SETUSER", "app", "reset", "on", ">x", "~*", "&*", "+@all", lacking)
    answer = cli("doctor", "--json", url=url)
    (rights,) = (finding for finding in answer.document["findings"] if finding["level"] == "fail")
    assert rights["check"] == "rights"
    assert answer.code == 1
    client.execute_command(*rights["fix"].split())
    assert findings(cli("doctor", "--json", url=url))["rights"]["level"] == "ok"


def test_who_may_not_ask_redis_how_it_is_learns_the_rest(
    cli: Cli, redis_server: EmbeddedRedis, client: redis.Redis
) -> None:
    url = redis_server.url.replace("//", "//app:x@")
    client.execute_command("ACL", "SETUSER", "app", "reset", "on", ">x", "~*", "&*", "+@all", "-info")
    answer = cli("doctor", "--json", url=url)
    assert answer.code == 0
    assert findings(answer)["redis"]["fix"] == "ACL SETUSER app +info"
    assert {"clock", "jobs", "paused"} <= findings(answer).keys()


def test_repairs_of_the_store_are_told(cli: Cli, redis_server: EmbeddedRedis, settings: Settings) -> None:
    assert findings(cli("doctor", "--json", url=redis_server.url))["repairs"]["level"] == "ok"
    board = Board(connect(redis_server.url), settings)
    board.start(board.submit())
    board.client.delete(board.keys.leases)
    for _ in range(4):
        board.run(board.transitions.sweep())
    finding = findings(cli("doctor", "--json", url=redis_server.url))["repairs"]
    assert finding["level"] == "warn"
    assert finding["detail"].startswith("1 running without a lease; the last ")


def test_without_an_archive_nothing_is_amiss(cli: Cli, redis_server: EmbeddedRedis) -> None:
    assert findings(cli("doctor", "--json", url=redis_server.url))["archive"]["level"] == "ok"


def test_an_archive_that_takes_nothing_is_a_failure(
    cli: Cli, redis_server: EmbeddedRedis, client: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_ARCHIVE_URL", f"sqlite:///{tmp_path}/archive.sqlite3")
    client.hset("backdesk:archive", mapping={"archived": 7, "error": "it cannot be used: disk full; make room"})
    client.zadd("backdesk:forgetting", {"waits": int(client.time()[0]) * 1000})
    finding = findings(cli("doctor", "--json", url=redis_server.url))["archive"]
    lost = "jobs are lost 7 d after their retention"
    assert finding["detail"] == f"7 jobs moved, 1 wait: it cannot be used: disk full; {lost}"
    assert (finding["level"], finding["fix"]) == ("fail", "make room")


def test_an_archive_that_cannot_be_read_from_here_is_told(
    cli: Cli, redis_server: EmbeddedRedis, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.hset("backdesk:archive", "archived", 7)
    finding = findings(cli("doctor", "--json", url=redis_server.url))["archive"]
    assert (finding["level"], finding["fix"]) == ("warn", "set BACKDESK_ARCHIVE_URL here too, as it is set for workers")
    monkeypatch.setenv("BACKDESK_ARCHIVE_URL", "postgresql://127.0.0.1:1/nowhere")
    finding = findings(cli("doctor", "--json", url=redis_server.url))["archive"]
    assert (finding["level"], "connection" in finding["detail"]) == ("fail", True)


def test_jobs_that_are_overdue_or_lost_for_the_archive_are_told(
    cli: Cli, redis_server: EmbeddedRedis, client: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_ARCHIVE_URL", f"sqlite:///{tmp_path}/archive.sqlite3")
    client.zadd("backdesk:forgetting", {"waits": 0})
    finding = findings(cli("doctor", "--json", url=redis_server.url))["archive"]
    assert (finding["level"], finding["detail"]) == ("warn", "0 jobs moved, 1 are overdue")
    client.hset("backdesk:archive", mapping={"lost": 3, "lost_at": int(client.time()[0]) * 1000})
    assert findings(cli("doctor", "--json", url=redis_server.url))["archive"]["detail"] == "0 jobs moved, 3 were lost"


def test_a_redis_that_evicts_is_a_failure(cli: Cli, redis_server: EmbeddedRedis, client: redis.Redis) -> None:
    client.config_set("maxmemory-policy", "allkeys-lru")
    answer = cli("doctor", "--json", url=redis_server.url)

    assert answer.code == 1
    assert answer.document["ok"] is False
    assert findings(answer)["eviction"]["level"] == "fail"
    assert "noeviction" in findings(answer)["eviction"]["fix"]


@pytest.mark.parametrize(("used_of_limit", "level"), [(0.5, "ok"), (0.75, "warn"), (0.95, "fail")])
def test_a_memory_that_is_nearly_full_is_told_before_jobs_are_refused(
    cli: Cli, redis_server: EmbeddedRedis, client: redis.Redis, used_of_limit: float, level: str
) -> None:
    client.config_set("maxmemory", int(client.info("memory")["used_memory"] / used_of_limit))
    finding = findings(cli("doctor", "--json", url=redis_server.url))["memory"]
    assert (finding["level"], "no new jobs are taken" in finding["detail"]) == (level, True)
    assert bool(finding["fix"]) == (level != "ok")


def test_workers_of_another_application_are_named(cli: Cli, redis_server: EmbeddedRedis, tmp_path: Path) -> None:
    with neighbour(redis_server.url, tmp_path):
        finding = findings(cli("doctor", "--json", url=redis_server.url))["neighbours"]

    assert finding["level"] == "ok"
    assert f"workers of other Celery applications: {NAME}" in finding["detail"]


def test_messages_of_others_are_counted_by_their_tasks(
    cli: Cli, redis_server: EmbeddedRedis, client: redis.Redis
) -> None:
    for n in range(3):
        client.lpush("celery", envelope(headers__task="shop.mail", headers__id=f"theirs-{n}"))
    finding = findings(cli("doctor", "--json", url=redis_server.url))["neighbours"]

    assert finding["detail"] == "3 messages of others in the list celery: shop.mail"
    assert client.llen("celery") == 3


def test_a_task_for_a_kind_in_a_list_that_is_not_read_says_where_to_send_it(
    cli: Cli, redis_server: EmbeddedRedis, client: redis.Redis
) -> None:
    contract = KindContract(kind="test.echo", queue="agents")
    client.hset("backdesk:kinds", "test.echo", contract.model_dump_json())
    client.lpush("celery", envelope())
    finding = findings(cli("doctor", "--json", url=redis_server.url))["neighbours"]

    assert finding["level"] == "warn"
    assert "queue='backdesk.inbox'" in finding["fix"]


def test_a_list_that_others_read_too_is_a_warning(
    cli: Cli, redis_server: EmbeddedRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_SHARED_INBOXES", "celery")
    with neighbour(redis_server.url, tmp_path):
        finding = findings(cli("doctor", "--json", url=redis_server.url))["neighbours"]

    assert finding["level"] == "warn"
    assert "read celery too" in finding["fix"]


def test_a_user_who_may_see_only_our_keys_sees_no_others(
    cli: Cli, redis_server: EmbeddedRedis, client: redis.Redis
) -> None:
    client.sadd("_kombu.binding.celery.pidbox", "\x06\x16\x06\x16till@shop.celery.pidbox")
    client.acl_setuser(
        "desk", enabled=True, passwords=["+word"], keys=["backdesk*"], channels=["*"], commands=["+@all"]
    )
    answer = cli("doctor", "--json", url=redis_server.url.replace("redis://", "redis://desk:word@"))
    client.acl_deluser("desk")

    assert findings(answer)["neighbours"]["detail"] == "no other Celery application on this database"


def test_another_backdesk_is_no_other_application(on_fleet: Cli, fleet: Fleet) -> None:
    finding = findings(on_fleet("doctor", "--json"))["neighbours"]

    assert finding["detail"] == "no other Celery application on this database"


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


@pytest.mark.parametrize(
    ("variable", "check"),
    [
        ("BACKDESK_SEARCH_KEY", "web search"),
        ("BACKDESK_BRIEFING_QUOTES_KEY", "daily briefing"),
        ("BACKDESK_WAREHOUSE_KEY", "feature warehouse"),
    ],
)
def test_a_key_of_a_tool_is_told_to_be_there_and_is_not_shown(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, variable: str, check: str
) -> None:
    monkeypatch.setenv(variable, KEY)
    answer = cli("doctor", "--json")

    assert f"{variable}=***" in findings(answer)[check]["detail"]
    assert KEY not in answer.out


def test_a_wrong_setting_of_the_model_is_a_failure(
    cli: Cli, redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "localhost")
    answer = cli("doctor", "--json", url=redis_server.url)

    assert answer.code == 1
    assert "OPENAI_BASE_URL" in findings(answer)["model"]["detail"]


def test_the_jobs_are_counted(on_fleet: Cli, fleet: Fleet) -> None:
    fleet.jobs.submit("test.echo", {}).result(PATIENCE_S)

    assert "succeeded" in findings(on_fleet("doctor", "--json"))["jobs"]["detail"]

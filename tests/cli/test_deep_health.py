"""`backdesk health --deep` and what `doctor` shows of the settings of tools."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
import redis
from pydantic import Field, SecretStr

from backdesk.cli.commands.sizes import MOST_KEYS, sizes_of
from backdesk.platform.dependency import Dependency
from backdesk.platform.tool_settings import ToolSettings
from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.model.health import WorkerFacts
from backdesk.worker.settings import Settings
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.scripts import run
from tests.cli.conftest import Answer, Cli
from tests.support.openai_simulator import Fault, OpenAISimulator, Text

SECRET = "sesame-of-the-test"


class CrawlSettings(ToolSettings):
    title: ClassVar[str] = "crawler"

    pages: int = Field(10, ge=1, validation_alias="BACKDESK_CRAWL_PAGES")
    key: SecretStr | None = Field(None, validation_alias="BACKDESK_CRAWL_KEY")
    down: bool = Field(False, validation_alias="BACKDESK_CRAWL_DOWN")

    def dependencies(self) -> Sequence[Dependency]:
        return (Dependency("index", self._look), Dependency("engine", _missing))

    def _look(self) -> str:
        if self.down:
            raise ConnectionRefusedError(f"nobody listens at http://me:{SECRET}@host for {SECRET}")
        return "2 shards"


def _missing() -> str:
    raise ModuleNotFoundError("No module named 'engine'")


@pytest.fixture(autouse=True)
def crawler(monkeypatch: pytest.MonkeyPatch, client: redis.Redis, settings: Settings) -> None:
    """One tool with settings, and one worker that is well."""
    for module in ("tool_findings", "deep_health"):
        monkeypatch.setattr(f"backdesk.cli.commands.{module}.all_settings", lambda: [CrawlSettings])
    for module in ("declared_tools", "deep_health"):  # whatever agents other tests have left
        monkeypatch.setattr(f"backdesk.cli.commands.{module}.declared", lambda _settings: [])
    facts = WorkerFacts(name="agents@one", slots={"agents": 4}, queues=("agents",))
    run(client, Transitions(settings).announce(facts.name, 60_000, facts.model_dump(mode="json")))


def checks(answer: Answer) -> dict[str, dict[str, Any]]:
    found: list[dict[str, Any]] = answer.document.get("checks") or answer.document["findings"]
    return {check["check"]: check for check in found}


def test_the_doctor_shows_settings_and_masks_what_is_secret(
    cli: Cli, redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_CRAWL_KEY", SECRET)
    answer = cli("doctor", "--json", url=redis_server.url)
    assert checks(answer)["crawler"]["settings"] == [
        {"name": "BACKDESK_CRAWL_PAGES", "value": 10, "given": False},
        {"name": "BACKDESK_CRAWL_KEY", "value": "***", "given": True},
        {"name": "BACKDESK_CRAWL_DOWN", "value": False, "given": False},
    ]
    people = cli("doctor", url=redis_server.url).out
    assert "BACKDESK_CRAWL_PAGES 10 by default, BACKDESK_CRAWL_KEY=***" in people
    assert SECRET not in answer.out + people


def test_a_wrong_setting_of_a_tool_is_a_failure_with_its_sentence(
    cli: Cli, redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_CRAWL_PAGES", "0")
    for words in ("doctor", "--json"), ("health", "--deep", "--json"):
        answer = cli(*words, url=redis_server.url)
        assert (answer.code, checks(answer)["crawler"]["level"]) == (1, "fail")
        assert "BACKDESK_CRAWL_PAGES: Input should be greater than or equal to 1" in answer.out


def test_what_can_be_reached_is_well_and_what_cannot_be_checked_here_says_so(
    cli: Cli, redis_server: EmbeddedRedis
) -> None:
    answer = cli("health", "--deep", "--json", url=redis_server.url)
    found = checks(answer)
    assert (answer.code, answer.document["healthy"]) == (0, True)
    assert found["crawler: index"]["detail"].startswith("2 shards")
    assert (found["crawler: engine"]["level"], "cannot be checked here" in found["crawler: engine"]["detail"]) == (
        "warn",
        True,
    )
    assert found["model"]["detail"] == "none is configured here: rules answer"
    assert "can be written and read" in found["blobs: store"]["detail"]


def test_what_cannot_be_reached_is_a_failure_and_tells_no_secret(
    cli: Cli, redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKDESK_CRAWL_KEY", SECRET)
    monkeypatch.setenv("BACKDESK_CRAWL_DOWN", "1")
    answer = cli("health", "--deep", "--json", url=redis_server.url)
    assert (answer.code, answer.document["healthy"]) == (1, False)
    assert checks(answer)["crawler: index"]["detail"] == (
        "ConnectionRefusedError: nobody listens at http://***@host for ***"
    )
    assert SECRET not in answer.out
    assert "crawler: index" in cli("health", "--deep", url=redis_server.url).out


def test_where_nobody_works_the_rest_is_told_all_the_same(
    cli: Cli, redis_server: EmbeddedRedis, client: redis.Redis
) -> None:
    client.flushdb()
    answer = cli("health", "--deep", "--json", url=redis_server.url)
    assert answer.code == 1
    assert checks(answer)["workers"]["detail"] == "no worker is alive"
    assert checks(answer)["crawler: index"]["level"] == "ok"


def test_the_model_is_asked_for_a_word_and_for_no_more(
    cli: Cli, redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OpenAISimulator().running() as server:
        server.will(Text("ok"))
        monkeypatch.setenv("OPENAI_API_KEY", SECRET)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("BACKDESK_MODEL", "my-model")
        answer = cli("health", "--deep", "--json", url=redis_server.url)
    (request,) = server.requests
    assert (answer.code, checks(answer)["model my-model"]["level"]) == (0, "ok"), answer.out
    assert 16 in {request.body.get("max_tokens"), request.body.get("max_completion_tokens")}
    assert SECRET not in answer.out


def test_a_model_that_refuses_is_a_failure(
    cli: Cli, redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OpenAISimulator().running() as server:
        server.will(Fault.error(401, "invalid_api_key"))
        monkeypatch.setenv("OPENAI_API_KEY", SECRET)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        answer = cli("health", "--deep", "--json", url=redis_server.url)
    found = checks(answer)["model gpt-4o-mini"]
    assert (answer.code, found["level"]) == (1, "fail")
    assert found["fix"] == "put a key that it takes into OPENAI_API_KEY"
    assert found["detail"].startswith("[model_auth]")
    assert SECRET not in answer.out


def test_models_and_dependencies_are_asked_at_the_same_time(
    cli: Cli, redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(2)

    def meet(*_args: Any) -> list[Any]:
        together.wait(10)
        return []

    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setattr("backdesk.agents.model_check.check_models", meet)
    monkeypatch.setattr(CrawlSettings, "_look", lambda _: f"{meet()} is there")
    answer = cli("health", "--deep", "--json", url=redis_server.url)
    assert (answer.code, checks(answer)["crawler: index"]["level"]) == (0, "ok"), answer.out


def test_a_model_that_never_answers_holds_up_nobody(
    cli: Cli, redis_server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backdesk.cli.commands.deep_health.WITHIN_S", 0.2)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setattr("backdesk.agents.model_check.check_models", lambda *_: threading.Event().wait(60))
    answer = cli("health", "--deep", "--json", url=redis_server.url)
    assert (answer.code, checks(answer)["model"]["detail"]) == (1, "did not answer within 0.2 s")


def test_a_file_is_not_looked_into_deeply(cli: Cli) -> None:
    assert cli("health", "--deep", "--file", "x.json").code == 2


# How much is kept


def keep(client: redis.Redis, settings: Settings, tenant: str, conversations: int) -> None:
    pipeline = client.pipeline(transaction=False)
    for n in range(conversations):
        pipeline.hset(f"{settings.prefix}:history:{tenant}:c{n}", "head", "x" * 500)
    pipeline.execute()


def test_what_is_kept_is_counted_by_what_it_is_and_by_tenant(client: redis.Redis, settings: Settings) -> None:
    keep(client, settings, "acme", 30)
    keep(client, settings, "zoo", 3)
    client.set(f"{settings.prefix}:cache:zoo:abc", "x" * 100_000)
    client.set("of:somebody:else", "x")
    sizes = sizes_of(client, settings.prefix)
    assert sizes.exact
    families = {each.what: (each.keys, each.bytes) for each in sizes.families}
    assert families["conversations"][0] == 33
    assert 33 * 500 < (families["conversations"][1] or 0) < 33 * 1_500
    assert families["cache"][0] == 1
    assert [(each.what, each.keys) for each in sizes.tenants] == [("zoo", 4), ("acme", 30)]


def test_of_a_large_redis_a_part_is_looked_at_and_the_rest_is_estimated(
    client: redis.Redis, settings: Settings
) -> None:
    keep(client, settings, "acme", 3 * MOST_KEYS)
    before = client.info("commandstats")
    sizes = sizes_of(client, settings.prefix)
    after = client.info("commandstats")
    calls = {
        name: after[f"cmdstat_{name}"]["calls"] - before.get(f"cmdstat_{name}", {"calls": 0})["calls"]
        for name in ("scan", "memory|usage")
    }
    assert calls["scan"] <= 20
    assert calls["memory|usage"] <= 200
    assert not sizes.exact
    (conversations,) = [each for each in sizes.families if each.what == "conversations"]
    assert conversations.keys == pytest.approx(3 * MOST_KEYS, rel=0.05)


def test_a_user_who_may_not_weigh_keys_counts_them(client: redis.Redis, settings: Settings) -> None:
    keep(client, settings, "acme", 3)
    client.execute_command("ACL", "SETUSER", "app", "reset", "on", ">x", "~*", "+@all", "-memory|usage", "-memory")
    limited = redis.Redis.from_url(settings.url.replace("//", "//app:x@"))
    families = {each.what: each for each in sizes_of(limited, settings.prefix).families}
    limited.close()
    client.acl_deluser("app")
    assert (families["conversations"].keys, families["conversations"].bytes) == (3, None)

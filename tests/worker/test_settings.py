"""The engine's settings: where they come from, and that a wrong one is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from backdesk.worker.errors import ConfigurationError
from backdesk.worker.settings import LOCAL_REDIS, Settings, celery_queue, load_settings


@pytest.fixture(autouse=True)
def an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_any_setting_there_is_a_usable_default_for_each() -> None:
    settings = load_settings()
    assert settings.url == LOCAL_REDIS
    assert (settings.prefix, settings.queues) == ("backdesk", ("agents", "tools"))


def test_an_environment_variable_sets_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_LEASE_S", "2.5")
    monkeypatch.setenv("BACKDESK_REDIS_URL", "redis://elsewhere:7000/3")
    settings = load_settings()
    assert (settings.lease_s, settings.url) == (2.5, "redis://elsewhere:7000/3")


@pytest.mark.parametrize("text", ["one,two", " one , two ,", "one,,two"])
def test_a_list_is_written_with_commas(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_TASK_MODULES", text)
    assert load_settings().task_modules == ("one", "two")


def test_a_lone_comma_is_an_empty_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_SHARED_INBOXES", ",")
    assert load_settings().shared_inboxes == ()


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PREFIX", "REDIS_URL", "SHARED_INBOXES"):
        monkeypatch.setenv(f"BACKDESK_{name}", "")
    assert load_settings() == load_settings(prefix="backdesk")


def test_the_environment_comes_before_the_env_file_and_that_before_the_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in ("prefix", "max_crashes", "idle_window"):
        (secrets / f"backdesk_{name}").write_text({"prefix": "secret"}.get(name, "7"))
    (tmp_path / ".env").write_text("BACKDESK_PREFIX=file\nBACKDESK_MAX_CRASHES=8\n")
    monkeypatch.setenv("BACKDESK_PREFIX", "environment")
    settings = load_settings(_secrets_dir=secrets)
    assert (settings.prefix, settings.max_crashes, settings.idle_window) == ("environment", 8, 7)


def test_a_variable_of_somebody_else_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-1\nBACKDESK_NO_SUCH_SETTING=1\n")
    monkeypatch.setenv("BACKDESK_MODEL", "gpt-4o-mini")
    assert load_settings().prefix == "backdesk"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LEASE_S", "0"),
        ("LEASE_S", "soon"),
        ("TICK_S", "1000"),
        ("MAX_CRASHES", "0"),
        ("RETENTION_S", "-1"),
        ("PREFIX", "a:b"),
        ("PREFIX", "x" * 33),
        ("REDIS_URL", "http://example.com"),
        ("REDIS_URL", "not a url"),
        ("LOG_LEVEL", "LOUD"),
        ("LOG_FORMAT", "xml"),
        ("QUEUES", ","),
        ("QUEUES", "agents,spaced out"),
        ("QUEUES", "agents,inbox"),
        ("SHARED_INBOXES", "celery,backdesk.agents"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"BACKDESK_{name}", value)
    with pytest.raises(ConfigurationError, match=rf"BACKDESK_{name}\b") as caught:
        load_settings()
    assert "\n" not in str(caught.value)


def test_every_wrong_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_LEASE_S", "0")
    monkeypatch.setenv("BACKDESK_TICK_S", "0")
    with pytest.raises(ConfigurationError, match=r"BACKDESK_LEASE_S.*BACKDESK_TICK_S"):
        load_settings()


def test_a_refusal_does_not_repeat_the_password_of_a_wrong_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_REDIS_URL", "rediss//:hunter2@example.com")
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_an_address_by_sentinels_without_a_service_is_refused_with_its_form() -> None:
    with pytest.raises(
        ConfigurationError, match=r"BACKDESK_REDIS_URL: .*sentinel://HOST:26379,HOST:26379/SERVICE"
    ) as said:
        load_settings(redis_url="sentinel://:hunter2@one:26379")
    assert "hunter2" not in str(said.value)


def test_settings_cannot_be_changed() -> None:
    settings: Settings = load_settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.prefix = "other"  # type: ignore[misc]  # the mistake under test


@pytest.mark.parametrize(
    "url",
    [
        "unix:///run/redis.sock?db=2",
        "rediss://:secret@host:6380/0",
        "redis://host",
        "sentinel://:secret@one:26379,two:26379/desk/0",
        "sentinels://one/desk",
    ],
)
def test_every_way_to_reach_a_redis_is_accepted(url: str) -> None:
    assert load_settings(redis_url=url).url == url


def test_the_queue_in_celery_carries_the_prefix() -> None:
    assert celery_queue("desk", "agents") == "desk.agents"

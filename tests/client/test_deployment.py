"""Which Redis a client finds, and what it says when that one cannot be reached."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from backdesk.client import AsyncJobClient, JobClient, StoreUnavailable
from backdesk.client.deployment import find_deployment
from backdesk.worker.embedded.discovery import announce, pid_that_answers
from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.settings import Settings, load_settings

ELSEWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, redis_server: EmbeddedRedis) -> str:
    """A folder in which `backdesk up` runs, and its Redis."""
    monkeypatch.chdir(tmp_path)
    announce(tmp_path / ".backdesk", redis_server.url, pid_that_answers(redis_server.url) or 0)
    return redis_server.url


def test_without_a_url_it_is_the_redis_of_the_up_in_this_folder(up: str) -> None:
    with JobClient() as client:
        assert client.deployment.url == up
        assert not any(client.counts().values())


async def test_the_asyncio_client_finds_it_too(up: str) -> None:
    async with AsyncJobClient() as client:
        assert client.deployment.url == up
        assert not any((await client.counts()).values())


def test_a_wrong_password_is_called_so(redis_server: EmbeddedRedis) -> None:
    url = redis_server.url.replace("//", "//nobody:wrong@")
    with pytest.raises(StoreUnavailable) as caught, JobClient(url) as client:
        client.counts()
    said = find_deployment(url).trouble(caught.value)
    assert "lets nobody in like this" in said
    assert "redis://USER:PASSWORD@HOST" in said


def test_the_celery_program_finds_it_too(up: str) -> None:
    program = "from backdesk.worker.app import app; print(app.conf.broker_url)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=110, check=True)
    assert found.stdout.strip() == up


def test_the_up_of_another_data_folder_is_found_by_its_setting(
    up: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".backdesk").rename(tmp_path / "data")
    monkeypatch.setenv("BACKDESK_DATA_DIR", str(tmp_path / "data"))
    assert find_deployment().url == up


def test_a_configured_redis_comes_before_the_up_in_this_folder(up: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_REDIS_URL", ELSEWHERE)
    assert find_deployment().url == ELSEWHERE != up


def test_a_url_comes_before_all(up: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_REDIS_URL", ELSEWHERE)
    assert find_deployment(up).url == up
    assert find_deployment(up, load_settings(prefix="other")).settings.prefix == "other"


def test_settings_that_name_no_redis_find_it_as_well(up: str) -> None:
    assert find_deployment(settings=load_settings()).url == up


@pytest.mark.parametrize("origin", ["the default; no `backdesk up` runs in this folder", "from BACKDESK_REDIS_URL"])
def test_a_redis_that_is_not_there_is_named_with_what_to_do(
    origin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("backdesk.worker.settings.LOCAL_REDIS", ELSEWHERE)
    if "URL" in origin:
        monkeypatch.setenv("BACKDESK_REDIS_URL", ELSEWHERE)
    with JobClient() as client, pytest.raises(StoreUnavailable) as caught:
        client.counts()
    said = str(caught.value)
    assert said.startswith(f"no Redis could be reached at {ELSEWHERE} ({origin}): ")
    assert said.endswith("start `backdesk up`, or set BACKDESK_REDIS_URL")
    assert isinstance(Settings().redis_url, str) == ("URL" in origin)

"""What the container files promise. They are read as data: no container engine is needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from backdesk.cli.program import app

ROOT = Path(__file__).parents[1]
OWN = ("agents", "tools", "gateway", "flower")

Service = dict[str, Any]


@pytest.fixture(scope="module")
def services() -> dict[str, Service]:
    services: dict[str, Service] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return services


@pytest.fixture(scope="module")
def instructions() -> list[list[str]]:
    """The Dockerfile's instructions, one list of words each."""
    joined = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.split() for line in joined.splitlines() if line and not line.startswith("#")]


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def test_redis_writes_every_job_to_disk(services: dict[str, Service]) -> None:
    assert option(services["redis"]["command"], "--appendonly") == "yes"
    assert "redis:/data" in services["redis"]["volumes"]


def test_redis_evicts_nothing(services: dict[str, Service]) -> None:
    assert option(services["redis"]["command"], "--maxmemory-policy") == "noeviction"


@pytest.mark.parametrize("name", OWN)
def test_a_service_starts_once_redis_is_healthy(name: str, services: dict[str, Service]) -> None:
    assert services["redis"]["healthcheck"]["test"][:2] == ["CMD", "redis-cli"]
    assert services[name]["depends_on"] == {"redis": {"condition": "service_healthy"}}


@pytest.mark.parametrize("name", ["redis", *OWN])
def test_no_port_is_open_to_other_machines(name: str, services: dict[str, Service]) -> None:
    assert all(port.startswith("127.0.0.1:") for port in services[name].get("ports", []))


@pytest.mark.parametrize("name", ["redis", *OWN])
def test_a_service_comes_back_after_a_crash_and_has_time_to_stop(name: str, services: dict[str, Service]) -> None:
    assert services[name]["restart"] == "unless-stopped"
    assert services[name]["stop_grace_period"] == "30s"


@pytest.mark.parametrize("name", OWN)
def test_secrets_are_mounted_read_only_where_the_settings_look_for_them(
    name: str, services: dict[str, Service]
) -> None:
    assert "./secrets:/run/secrets:ro" in services[name]["volumes"]


def test_no_secret_is_written_into_the_compose_file(services: dict[str, Service]) -> None:
    for name in OWN:
        assert not [key for key in services[name]["environment"] if re.search("KEY$|PASSWORD|TOKEN", key)]


def test_both_workers_share_the_sample_database(services: dict[str, Service]) -> None:
    for name in ("agents", "tools"):
        assert "data:/data" in services[name]["volumes"]
        assert services[name]["environment"]["BACKDESK_DATA_DIR"] == "/data"


@pytest.mark.parametrize("name", ["agents", "tools"])
def test_a_worker_is_asked_after_by_the_file_that_it_writes(name: str, services: dict[str, Service]) -> None:
    how, backdesk, command, *arguments = services[name]["healthcheck"]["test"]
    assert (how, backdesk) == ("CMD", "backdesk")
    assert option(arguments, "--file") == services[name]["environment"]["BACKDESK_HEALTH_FILE"]
    program: Any = typer.main.get_command(app)
    program.commands[command].make_context(command, arguments)


def test_a_missing_env_file_is_no_error(services: dict[str, Service]) -> None:
    assert all(services[name]["env_file"] == [{"path": ".env", "required": False}] for name in OWN)


def test_the_image_does_not_run_as_root(instructions: list[list[str]]) -> None:
    last_stage = instructions[max(i for i, words in enumerate(instructions) if words[0] == "FROM") :]
    assert [words[1] for words in last_stage if words[0] == "USER"] == ["10001"]


def test_the_image_installs_nothing_but_what_is_pinned_by_hash(instructions: list[list[str]]) -> None:
    installs = re.findall(r"pip .*?install ([^&]*)", " ".join(" ".join(words) for words in instructions))
    assert installs
    assert all("--require-hashes" in install or "--no-deps" in install for install in installs)


def test_the_image_runs_the_command_line(instructions: list[list[str]]) -> None:
    assert ["ENTRYPOINT", '["backdesk"]'] in instructions


def test_neither_local_settings_nor_secrets_reach_the_image_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    assert not {"!.env", "!secrets", "!.git", "!.backdesk"} & set(lines)


def test_every_setting_of_the_example_is_commented_out() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert all(line.startswith("#") for line in lines if line)


@pytest.mark.parametrize("name", OWN)
def test_the_command_of_a_service_is_one_that_backdesk_has(name: str, services: dict[str, Service]) -> None:
    command, *arguments = services[name]["command"]
    program: Any = typer.main.get_command(app)
    program.commands[command].make_context(command, arguments)


@pytest.mark.parametrize("name", OWN)
def test_no_service_can_change_its_image(name: str, services: dict[str, Service]) -> None:
    assert services[name]["read_only"]
    assert services[name]["tmpfs"] == ["/tmp"]  # noqa: S108 - the folder in the container


def test_the_gateway_starts_without_keys_and_is_asked_whether_it_can_serve(services: dict[str, Service]) -> None:
    gateway = services["gateway"]
    assert gateway["environment"]["BACKDESK_GATEWAY_WITHOUT_KEYS"] == "1"
    assert gateway["environment"]["BACKDESK_REDIS_URL"] == services["agents"]["environment"]["BACKDESK_REDIS_URL"]
    assert f"http://127.0.0.1:{option(gateway['command'], '--port')}/readyz" in gateway["healthcheck"]["test"][-1]

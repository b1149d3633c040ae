"""The settings of the tasks, their contracts, and what importing them costs."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

import backdesk.platform.settings
from backdesk.agents.contract import AgentRequest
from backdesk.kinds.contracts import KINDS
from backdesk.platform.contract import KindModels
from backdesk.platform.deployment import deployment, reset
from backdesk.platform.settings import load_settings, read_secret
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.errors import ConfigurationError
from backdesk.worker.model.input_guard import MARK
from backdesk.worker.settings import Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BACKDESK_MODEL", "responses:"),
        ("OPENAI_BASE_URL", "ftp://models.internal"),
        ("BACKDESK_DATABASE_URL", "mysql://root:hunter2@db/shop"),
        ("BACKDESK_DATABASE_URL", "sqlite:///:memory:"),
        ("BACKDESK_OFFLINE_TOKEN_DELAY_MS", "-1"),
        ("BACKDESK_MAX_HANDOFFS", "many"),
        ("BACKDESK_MODEL_SILENCE_S", "600"),
        ("BACKDESK_BUSINESS_HOURS", "nine to five"),
        ("BACKDESK_BUSINESS_HOURS", '{"hours": {"Mon": "9-5"}}'),
    ],
)
def test_a_wrong_value_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert name in str(caught.value)
    assert value not in str(caught.value)


def test_every_wrong_value_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "nowhere")
    monkeypatch.setenv("BACKDESK_MAX_HANDOFFS", "0")
    with pytest.raises(ConfigurationError, match=r"OPENAI_BASE_URL.*BACKDESK_MAX_HANDOFFS"):
        load_settings()


def test_without_a_key_and_an_address_the_model_is_offline() -> None:
    assert load_settings().offline


@pytest.mark.parametrize(("name", "value"), [("OPENAI_API_KEY", "sk-1"), ("OPENAI_BASE_URL", "http://localhost/v1")])
def test_a_key_or_an_address_is_enough_for_a_model(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert not load_settings().offline


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "")
    assert load_settings().offline


def test_settings_are_read_from_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("BACKDESK_MODEL=from-file\nSOMETHING_ELSE=1\n")
    assert load_settings().model == "from-file"


def test_secrets_are_read_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "openai_api_key").write_text("sk-file\n")
    monkeypatch.setattr(backdesk.platform.settings, "SECRETS", tmp_path)
    key = load_settings().api_key
    assert key is not None
    assert key.get_secret_value() == "sk-file"


@pytest.mark.parametrize("file", ["CRM_KEY", "crm_key"])
def test_a_secret_is_read_by_its_name_from_the_file_that_settings_would_be_read_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    monkeypatch.setattr(backdesk.platform.settings, "SECRETS", tmp_path)
    (tmp_path / file).write_text("key-of-a-file\n")
    assert read_secret("CRM_KEY") == "key-of-a-file"
    (tmp_path / ".env").write_text("CRM_KEY=key-of-env\n")
    assert read_secret("CRM_KEY") == "key-of-env"
    monkeypatch.setenv("CRM_KEY", "key-of-a-variable")
    assert read_secret("CRM_KEY") == "key-of-a-variable"


def test_a_secret_that_is_nowhere_is_told_by_its_name() -> None:
    with pytest.raises(ConfigurationError, match="CRM_KEY is not set: set the variable, or mount /run/secrets/CRM_KEY"):
        read_secret("CRM_KEY")


def test_secrets_are_not_in_the_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hidden")
    monkeypatch.setenv("BACKDESK_DATABASE_URL", "postgresql://shop:hunter2@db/shop")
    assert not {"sk-hidden", "hunter2"} & set(repr(load_settings()).replace("'", " ").replace(":", " ").split())


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_urls_get_the_installed_driver(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("BACKDESK_DATABASE_URL", f"{scheme}://db/shop")
    assert load_settings().database == "postgresql+psycopg://db/shop"


def test_the_database_lies_in_the_data_folder(tmp_path: Path) -> None:
    assert load_settings().database == f"sqlite:///{tmp_path}/shop.sqlite3"


def test_the_deployment_is_made_once_until_it_is_reset() -> None:
    first = deployment()
    assert deployment() is first
    reset()
    assert deployment() is not first


def test_a_forked_process_makes_its_own_deployment() -> None:
    program = (
        "import os; from backdesk.platform.deployment import deployment; mine = deployment()\n"
        "if os.fork() == 0: os._exit(3 if deployment() is not mine else 4)\n"
        "print(os.waitstatus_to_exitcode(os.wait()[1]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "3"


def test_the_contracts_are_what_the_tasks_register() -> None:
    for module in Settings.model_fields["task_modules"].default:
        importlib.import_module(module)
    ours = {kind: spec for kind, spec in REGISTRY.items() if spec.body.__module__.startswith("backdesk.kinds.")}
    assert {kind: KindModels(kind, spec.queue, spec.request, spec.result) for kind, spec in ours.items()} == KINDS


@pytest.mark.parametrize("kind", [kind for kind, models in KINDS.items() if issubclass(models.request, AgentRequest)])
def test_what_customers_write_is_guarded(kind: str) -> None:
    schema = KINDS[kind].request.model_json_schema()
    assert schema["properties"]["message"][MARK]


@pytest.mark.parametrize("message", ["", "   ", "x" * 10_001])
def test_a_message_has_one_to_ten_thousand_characters(message: str) -> None:
    with pytest.raises(ValidationError):
        AgentRequest(message=message)


def test_a_request_with_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        AgentRequest.model_validate({"message": "hi", "custommer_id": "typo"})


def test_the_contracts_load_nothing_heavy() -> None:
    absent = {"sqlalchemy", "pydantic_ai", "openai", "pydantic_settings", "celery", "redis"}
    # References to files are plain values.
    may_be = {"backdesk.worker", "backdesk.worker.model", "backdesk.worker.model.blob"}
    program = "import sys, backdesk.kinds.contracts; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not absent & set(loaded)
    assert {name for name in loaded if name.startswith("backdesk.worker")} <= may_be

"""What is installed, and how little of it a producer needs."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.support.installed import build_wheel
from tests.support.workers import ROOT

ENGINE = ROOT / "worker" / "backdesk" / "worker"
#: Libraries of the worker side. A producer must start without them.
HEAVY = ("celery", "kombu", "pydantic_ai", "openai", "sqlalchemy", "structlog", "flower")
#: What some workers need: those with a port for metrics, an archive, kinds of agents; or no worker at all.
UNUSED = ("flower", "prompt_toolkit", "jsonschema", "prometheus_client", "pydantic_ai", "openai", "sqlalchemy")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return zipfile.ZipFile(build_wheel(tmp_path_factory.mktemp("wheel"))).namelist()


@pytest.mark.parametrize(
    "pattern",
    [
        "worker/backdesk/worker/*/lua/**/*.lua",
        "tasks/backdesk/kinds/*/prompts/*.md",
        "tasks/backdesk/templates/*.py",
        "tasks/backdesk/tools/*/*.txt",
        "*/backdesk/*/py.typed",
        "*/backdesk/*/__init__.pyi",
    ],
)
def test_the_wheel_holds_what_is_not_python(wheel: list[str], pattern: str) -> None:
    expected = {"/".join(path.relative_to(ROOT).parts[1:]) for path in ROOT.glob(pattern)}
    assert expected
    assert expected <= set(wheel)


def test_the_wheel_holds_one_namespace_and_nothing_else(wheel: list[str]) -> None:
    assert {Path(name).parts[0] for name in wheel if ".dist-info" not in name} == {"backdesk"}


def test_the_image_has_all_extras_but_a_server_of_its_own() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    (everything,) = extras["all"]
    named = {*re.findall(r"[a-z0-9]+", everything.partition("[")[2])} - {"embedded"}
    wanted = {each for name in named for line in extras[name] for each in re.findall(r"^[a-z0-9-]+", line)}
    pinned = {*re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements" / "runtime.txt").read_text("utf-8"), re.MULTILINE)}
    assert wanted - pinned == {"backdesk"}


@pytest.mark.parametrize(
    "module", ["backdesk.client.blocking.client", "backdesk.client.aio.client", "backdesk.cli.program"]
)
def test_a_producer_starts_where_the_libraries_of_the_worker_are_missing(module: str) -> None:
    missing = f"import sys; sys.modules.update(dict.fromkeys({HEAVY!r})); import {module}"
    subprocess.run([sys.executable, "-c", missing], check=True, cwd=ROOT)


def test_a_worker_loads_nothing_that_its_kinds_and_settings_do_not_ask_for() -> None:
    loaded = f"import sys, backdesk.worker.__main__; print([name for name in {UNUSED!r} if name in sys.modules])"
    environment = {**os.environ, "BACKDESK_TASK_MODULES": "tests.support.kinds"}
    done = subprocess.run([sys.executable, "-c", loaded], check=True, cwd=ROOT, env=environment, capture_output=True)
    assert done.stdout.strip() == b"[]"


@pytest.mark.parametrize(
    "room", sorted(path.parent for path in ENGINE.glob("*/__init__.py")), ids=lambda room: room.name
)
def test_a_room_of_the_engine_says_what_it_imports_and_where_to_begin(room: Path) -> None:
    described = ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or ""
    assert "Imports " in described
    (first,) = re.findall(r"Begin with `(\w+)`", described)
    assert (room / f"{first}.py").is_file() or (room / first / "__init__.py").is_file()

"""What is installed, and how little of it a producer needs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.installed import build_wheel
from tests.support.workers import ROOT

#: Libraries of the worker side. A producer must start without them.
HEAVY = ("celery", "kombu", "pydantic_ai", "openai", "sqlalchemy", "structlog", "flower")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return zipfile.ZipFile(build_wheel(tmp_path_factory.mktemp("wheel"))).namelist()


@pytest.mark.parametrize(
    "pattern",
    [
        "worker/backdesk/worker/*/lua/*.lua",
        "tasks/backdesk/kinds/*/prompts/*.md",
        "tasks/backdesk/templates/*.py",
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


@pytest.mark.parametrize(
    "module", ["backdesk.client.blocking.client", "backdesk.client.aio.client", "backdesk.cli.program"]
)
def test_a_producer_starts_where_the_libraries_of_the_worker_are_missing(module: str) -> None:
    missing = f"import sys; sys.modules.update(dict.fromkeys({HEAVY!r})); import {module}"
    subprocess.run([sys.executable, "-c", missing], check=True, cwd=ROOT)

"""What a user begins with and the guide that goes on from there: generated, copied and run in a folder of their own."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backdesk.cli import main
from backdesk.testing import Bench, BenchJob
from tests.support.workers import ROOT

PAGE = (ROOT / "docs" / "write_your_own.md").read_text()
EXAMPLE = ROOT / "docs" / "examples" / "write_your_own"


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BACKDESK_", "OPENAI_"))}
    env = kept | {"PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *words], cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder, outside of any checkout."""
    folder = tmp_path_factory.mktemp("mine")
    for words in (["agents.help"], ["words.count", "--plain"]):
        assert main(["new", "task", *words, "--folder", str(folder)]) == 0
    for name in ("invoices_explain.py", "test_invoices_explain.py"):
        shutil.copy(EXAMPLE / name, folder)
    return folder


def test_what_is_begun_and_what_the_guide_makes_of_it_pass_their_tests(folder: Path) -> None:
    options = ("-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function", "-W", "error")
    done = run(folder, "-m", "pytest", "-q", *options)
    assert done.returncode == 0, done.stdout
    assert "15 passed" in done.stdout
    assert {path.suffix for path in folder.iterdir()} <= {".py", ""}  # no database, no settings were left behind


@pytest.mark.parametrize("command", [("check",), ("format", "--check")])
def test_what_is_begun_is_clean_by_our_own_rules(folder: Path, command: tuple[str, ...]) -> None:
    rules = ("--config", str(ROOT / "pyproject.toml"), "--no-cache", *(["--ignore=S101"] if "check" in command else []))
    done = run(folder, "-m", "ruff", *command, *rules, ".")
    assert done.returncode == 0, done.stdout


def test_the_templates_leave_nothing_of_their_own_names(folder: Path) -> None:
    for path in folder.glob("*.py"):
        assert not re.search(r"example.?kind|templates|isort", path.read_text(), re.IGNORECASE)


def test_the_guide_shows_its_example_as_it_is_run() -> None:
    example = "".join(path.read_text() for path in EXAMPLE.glob("*.py"))
    shown = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(shown) > 7
    assert [block for block in shown if block not in example] == []


@pytest.mark.parametrize(("title", "kind"), [("bench", Bench), ("job", BenchJob)])
def test_the_guide_names_only_what_there_is(title: str, kind: type) -> None:
    (table,) = re.findall(rf"^\| {title} \| \|\n\|---\|---\|\n(.*?)\n\n", PAGE, re.DOTALL | re.MULTILINE)
    names = re.findall(r"`(\w+)", " ".join(row.split("|")[1] for row in table.splitlines()))
    known = {*dir(kind), *inspect.signature(kind).parameters, kind.__name__}
    assert len(names) > 5
    assert [name for name in names if name not in known] == []

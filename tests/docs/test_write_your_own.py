"""What a user begins with and the guide that goes on from there: generated, copied and run in a folder of their own."""

from __future__ import annotations

import inspect
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backdesk.cli import main
from backdesk.testing import Bench, BenchJob, Call, Say, sandbox, scripted
from tests.support.openai_simulator import OpenAISimulator, Text, call
from tests.support.workers import ROOT

PAGE = (ROOT / "docs" / "write_your_own.md").read_text()
EXAMPLE = ROOT / "docs" / "examples" / "write_your_own"


def run(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BACKDESK_", "OPENAI_"))}
    env = kept | {"PYTHONPATH": str(ROOT)} | more
    return subprocess.run([sys.executable, *words], cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder, outside of any checkout."""
    folder = tmp_path_factory.mktemp("mine")
    for words in (["agents.help"], ["words.count", "--plain"]):
        assert main(["new", "task", *words, "--folder", str(folder)]) == 0
    for name in ("parcels.py", "invoices_explain.py", "test_invoices_explain.py"):
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


SHOWN = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_guide_shows_its_examples_as_they_are_run() -> None:
    examples = "".join(path.read_text() for path in EXAMPLE.glob("*.py"))
    assert len(SHOWN) > 7
    assert [block for block in SHOWN if block not in examples] == []


def test_the_first_agent_of_the_guide_has_twenty_lines_at_most_and_answers() -> None:
    assert len(SHOWN[0].splitlines()) <= 20
    runpy.run_path(str(EXAMPLE / "parcels.py"))
    with Bench() as bench, sandbox(), scripted(Call("look_up_parcel", {"number": 17}), Say("In Hamburg.")) as model:
        assert bench.run("parcels.help", {"message": "Where is parcel 17?"}).result.answer == "In Hamburg."
    assert model.requests[1].replies[0].data == "in Hamburg"


def test_the_same_in_bare_pydantic_ai_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with OpenAISimulator().running() as provider:
        provider.will(call("look_up_parcel", number=17), Text("In Hamburg."))
        monkeypatch.setenv("PYDANTIC_AI_NO_BANNER", "1")
        done = run(
            folder,
            str(EXAMPLE / "in_pydantic_ai.py"),
            "Where is parcel 17?",
            OPENAI_BASE_URL=provider.url,
            OPENAI_API_KEY="sk-none",
        )
        assert done.stdout == "In Hamburg.\n", done.stderr
        assert provider.requests[1].texts("tool") == ["in Hamburg"]


@pytest.mark.parametrize(("title", "kind"), [("bench", Bench), ("job", BenchJob)])
def test_the_guide_names_only_what_there_is(title: str, kind: type) -> None:
    (table,) = re.findall(rf"^\| {title} \| \|\n\|---\|---\|\n(.*?)\n\n", PAGE, re.DOTALL | re.MULTILINE)
    names = re.findall(r"`(\w+)", " ".join(row.split("|")[1] for row in table.splitlines()))
    known = {*dir(kind), *inspect.signature(kind).parameters, kind.__name__}
    assert len(names) > 5
    assert [name for name in names if name not in known] == []

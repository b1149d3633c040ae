"""Each kind stands alone: who deletes its folder, and that of its tests, breaks nothing else."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from backdesk.kinds.contracts import KINDS, folders, kinds_of
from tests.support.workers import ROOT

NAMES = [folder.rpartition(".")[2] for folder in folders()]
ROOTS = ("worker", "tasks", "producers", "tests", "benchmarks")


@cache
def imports() -> dict[Path, list[str]]:
    """What each module of this tree imports, by full names."""
    paths = [path for root in ROOTS for path in (ROOT / root).rglob("*.py")]
    return {path: [*_imported(ast.parse(path.read_text("utf-8")))] for path in paths}


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}." for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (f"{alias.name}." for alias in node.names)


@pytest.mark.parametrize("name", NAMES)
def test_nobody_else_imports_what_is_in_the_folder_of_a_kind_or_of_its_tests(name: str) -> None:
    own = (ROOT / "tasks" / "backdesk" / "kinds" / name, ROOT / "tests" / "kinds" / name)
    packages = (f"backdesk.kinds.{name}.", f"tests.kinds.{name}.")
    users = [path for path, names in imports().items() if any(each.startswith(packages) for each in names)]
    assert [path for path in users if not any(path.is_relative_to(folder) for folder in own)] == []


@pytest.mark.parametrize("name", NAMES)
def test_without_its_folder_the_others_are_there(name: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tasks", tmp_path / "tasks", ignore=shutil.ignore_patterns("__pycache__", name))
    places = [str(tmp_path / "tasks"), str(ROOT / "worker"), str(ROOT / "producers")]
    program = f"import sys; sys.path[:0] = {places!r}; from backdesk.kinds.contracts import KINDS; print(*KINDS)"
    left = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    gone = {each.kind for each in kinds_of(f"backdesk.kinds.{name}")}
    assert set(left.stdout.split()) == KINDS.keys() - gone

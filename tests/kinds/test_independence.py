"""Each kind stands alone: who deletes its folder, and that of its tests, breaks nothing else."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from backdesk.kinds.contracts import KINDS, folders, kinds_of
from tests.support.workers import ROOT

NAMES = [folder.rpartition(".")[2] for folder in folders()]
ROOTS = ("worker", "tasks", "producers", "tests", "benchmarks")
#: The folders of a kind and of its tests, and of what packages they are.
PLACES = {"tasks/backdesk/kinds": "backdesk.kinds", "tests/kinds": "tests.kinds"}
#: Prints for each kind which are there without its folder. All start from here, as what they share takes longest.
WITHOUT_EACH = """
import json, os, pathlib, sys
folder, *names = sys.argv[1:]
from backdesk.platform import contract
for name in names:
    if pid := os.fork():
        assert os.waitpid(pid, 0)[1] == 0, name
        continue
    (pathlib.Path(folder) / name).rename(pathlib.Path(folder).parent / f"without_{name}")
    from backdesk.kinds.contracts import KINDS
    (pathlib.Path(folder).parent / f"without_{name}").rename(pathlib.Path(folder) / name)
    print(json.dumps([name, [*KINDS]]), flush=True)
    os._exit(0)
"""


def imports() -> Iterator[tuple[str, Path]]:
    """Yield what each module of this tree imports, by full names."""
    for path in (path for root in ROOTS for path in (ROOT / root).rglob("*.py")):
        source = path.read_text("utf-8")
        if any(package in source for package in PLACES.values()):
            yield from ((name, path) for name in _imported(ast.parse(source)))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}." for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (f"{alias.name}." for alias in node.names)


def kind_of(name: str) -> str:
    """The kind whose folder, or that of its tests, a module is in; empty if it is in none."""
    packages = (f"{package}." for package in PLACES.values() if name.startswith(f"{package}."))
    kinds = (name.removeprefix(package).partition(".")[0] for package in packages)
    return next((kind for kind in kinds if kind in NAMES), "")


def test_nobody_else_imports_what_is_in_the_folder_of_a_kind_or_of_its_tests() -> None:
    used = [(kind, path) for name, path in imports() if (kind := kind_of(name))]
    assert used, "not even by modules of its own"
    own = {kind: [ROOT / place / kind for place in PLACES] for kind in NAMES}
    assert [each for each in used if not any(each[1].is_relative_to(folder) for folder in own[each[0]])] == []


def test_without_the_folder_of_any_of_them_the_others_are_there(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tasks", tmp_path / "tasks", ignore=shutil.ignore_patterns("__pycache__"))
    places = [str(tmp_path / "tasks"), str(ROOT / "worker"), str(ROOT / "producers")]
    program = f"import sys\nsys.path[:0] = {places!r}\n{WITHOUT_EACH}"
    words = [sys.executable, "-I", "-c", program, str(tmp_path / "tasks" / "backdesk" / "kinds"), *NAMES]
    printed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    left = {name: {*kinds} for name, kinds in map(json.loads, printed.splitlines())}
    gone = {name: {each.kind for each in kinds_of(f"backdesk.kinds.{name}")} for name in NAMES}
    assert left == {name: KINDS.keys() - gone[name] for name in NAMES}

"""Proves that each kind can be deleted: what is left of the tree without it is checked, collected and tested.

    .ci/without_kinds.py [--kind NAME ...] [TEST ...]

The tree is copied, the folder of the kind and that of its tests are removed, and an environment of the copy finds
everything else where this one does.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
KINDS = ROOT / "tasks" / "backdesk" / "kinds"
#: Those that meet the kinds by what is there: quick, and enough for each of them.
USUAL = (
    "tests/agents",
    "tests/platform",
    "tests/service",
    "tests/shop",
    "tests/testing",
    "tests/kinds/test_independence.py",
)


def copy_without(kind: str, target: Path) -> None:
    """Copy what belongs to the project, but for the folder of a kind and that of its tests."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    gone = (f"tasks/backdesk/kinds/{kind}/", f"tests/kinds/{kind}/")
    for name in listed:
        if not name.startswith(gone) and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)


def make_environment(root: Path) -> Path:
    """Make an environment that finds this project in the copy, and all others where they are installed here."""
    folder = root / ".venv"
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    places = [*(str(root / name) for name in ("worker", "tasks", "producers")), sysconfig.get_path("purelib")]
    (site / "copy.pth").write_text("\n".join(places))
    script = folder / "bin" / "backdesk"
    script.write_text(f"#!{folder}/bin/python\nimport sys\nfrom backdesk.cli import main\nsys.exit(main())\n")
    script.chmod(0o755)
    return folder / "bin" / "python"


def try_without(kind: str, tests: list[str]) -> bool:
    """Check, collect and test the tree without a kind; returns whether all of it passed."""
    with tempfile.TemporaryDirectory(prefix=f"without-{kind}-") as name:
        root = Path(name)
        copy_without(kind, root)
        python = str(make_environment(root))
        env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        contracts = "from importlinter.cli import lint_imports_command as lint; lint()"
        steps = {
            "contracts": [python, "-c", contracts],
            "collection": [python, "-m", "pytest", "--collect-only", "-qq"],
            "tests": [python, "-m", "pytest", "-q", "-n", "2", "-m", "not soak and not extras", *tests],
        }
        return [step for step, command in steps.items() if not _passes(kind, step, command, root, env)] == []


def _passes(kind: str, step: str, command: list[str], root: Path, env: dict[str, str]) -> bool:
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    last = (done.stdout.strip().splitlines() or [""])[-1]
    print(f"without {kind}: {step} {'passed' if done.returncode == 0 else 'FAILED'}: {last}", flush=True)
    if done.returncode:
        print(done.stdout[-8000:], done.stderr[-2000:], flush=True)
    return done.returncode == 0


def main() -> int:
    names = sorted(path.parent.name for path in KINDS.glob("*/kind.py"))
    parser = argparse.ArgumentParser(description="Check, collect and test the tree without each of its kinds.")
    parser.add_argument("--kind", action="append", choices=names)
    parser.add_argument("tests", nargs="*", default=USUAL)
    arguments = parser.parse_args()
    failed = [kind for kind in arguments.kind or names if not try_without(kind, [*arguments.tests])]
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())

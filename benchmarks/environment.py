"""The peers' own environments, below `.tools`: arq's latest release needs an older redis-py than ours.

Each is made on first use from a list beside this file, pinned and hashed, and made anew when that has changed. Where it
cannot be made (no network), the peer is reported as not measured.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from benchmarks.child import ROOT

INSTALL_PATIENCE_S = 300


class PeerMissing(Exception):
    """A peer cannot run here; the message says why."""


@cache
def peers_python(name: str = "peers") -> Path:
    """Return the interpreter that has the list `<name>.txt` installed; raises PeerMissing."""
    folder, requirements = ROOT / ".tools" / name, Path(__file__).with_name(f"{name}.txt")
    python, stamp = folder / "bin" / "python", folder / "installed"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if not (python.exists() and stamp.exists() and stamp.read_text() == wanted):
        print(f"Installing {requirements.name} into .tools/{name} (once) ...", file=sys.stderr)
        _run([sys.executable, "-m", "venv", "--clear", folder])
        _install(python, requirements)
        stamp.write_text(wanted)
    return python


def _install(python: Path, requirements: Path) -> None:
    """Install a list with uv, or else with pip, which also knows mirrors that only its own configuration names."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    wanted = ["--quiet", "--require-hashes", "-r", str(requirements)]
    if uv:
        try:
            return _run([uv, "pip", "install", "--python", python, *wanted])
        except PeerMissing:
            pass
    return _run([python, "-m", "pip", "install", "--disable-pip-version-check", *wanted])


def _run(command: Sequence[str | Path]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerMissing(str(error)) from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"{command[0]} failed"]
        raise PeerMissing(lines[-1])

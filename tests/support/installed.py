"""The project as others install it: its wheel, in an environment that holds nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.workers import ROOT

BIN = Path(sys.executable).parent
#: Versions that are known to work together; which packages are installed is for the wheel to say.
PINNED = ROOT / "requirements" / "dev.txt"


def build_wheel(folder: Path, source: Path = ROOT) -> Path:
    """Build the wheel of a source tree, this one's if none is named, into a folder."""
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(folder)], cwd=source, capture_output=True, text=True, check=True
    )
    return folder / done.stdout.split()[-1]


class Installed:
    """An environment of its own in `folder`, with a wheel and what the wheel asks for. Commands run in that folder."""

    def __init__(self, folder: Path, wheel: Path, extra: str = "") -> None:
        self.folder = folder
        self._bin = folder / "env" / "bin"
        _uv("venv", "--quiet", "--python", sys.executable, str(folder / "env"))
        wanted = f"backdesk{extra and f'[{extra}]'} @ {wheel.as_uri()}"
        _uv("pip", "install", "--quiet", "--python", str(self._bin / "python"), "-c", str(PINNED), wanted)

    def add(self, wheel: Path) -> None:
        """Install a wheel besides, with what it asks for."""
        _uv("pip", "install", "--quiet", "--python", str(self._bin / "python"), "-c", str(PINNED), str(wheel))

    def run(self, command: str, *arguments: str, expect: int = 0, **env: str) -> str:
        """Run a command of the environment to its end, and return what it has printed."""
        done = subprocess.run(
            self._words(command, arguments),
            cwd=self.folder,
            env=self._environment(env),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr if expect else done.stdout

    def start(self, command: str, *arguments: str, **env: str) -> subprocess.Popen[bytes]:
        """Start a command of the environment; its output goes to `<command>.log`."""
        with (self.folder / f"{command}.log").open("wb") as log:
            return subprocess.Popen(
                self._words(command, arguments),
                cwd=self.folder,
                env=self._environment(env),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _words(self, command: str, arguments: tuple[str, ...]) -> list[str]:
        return [str(self._bin / command), *arguments]

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        foreign = ("BACKDESK_", "OPENAI_", "PYTHON", "COV_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return {**kept, "C_FORCE_ROOT": "1", "BACKDESK_DATA_DIR": str(self.folder / "data"), **more}


@contextmanager
def running(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a process when the block ends, and wait for it."""
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


def _uv(*arguments: str) -> None:
    uv = shutil.which("uv", path=f"{BIN}{os.pathsep}{os.environ['PATH']}") or "uv"
    done = subprocess.run([uv, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

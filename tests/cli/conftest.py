"""The command line as a script uses it: words in, exit code and two streams out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backdesk.cli import main
from backdesk.worker.model.contract import KindContract
from tests.support.workers import ROOT, Fleet

#: Nothing listens on it.
NOWHERE = "redis://127.0.0.1:1/0"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one command gave."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        (line,) = self.out.splitlines()
        return json.loads(line)

    @property
    def documents(self) -> list[Any]:
        """The JSON objects on standard output, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


Cli = Callable[..., Answer]
Announce = Callable[[KindContract], None]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def cli(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs a command in this process; `url` is its BACKDESK_REDIS_URL, if it has one."""
    # Of this process are the agents of all tests that ran in it, too.
    monkeypatch.setattr("backdesk.agents.declared.cards", list)

    def run(*words: str, url: str | None = NOWHERE) -> Answer:
        monkeypatch.setenv("BACKDESK_REDIS_URL", url) if url else monkeypatch.delenv("BACKDESK_REDIS_URL", False)
        capsys.readouterr()
        code = main(words)
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return run


@pytest.fixture
def on_fleet(cli: Cli, fleet: Fleet) -> Cli:
    """Runs a command on the shared Redis with its workers."""
    return lambda *words: cli(*words, url=fleet.url)


@pytest.fixture
def announced(fleet: Fleet) -> Iterator[Announce]:
    """Makes kinds known that no live worker of the fleet runs."""
    made: list[str] = []

    def announce(contract: KindContract) -> None:
        made.append(contract.kind)
        fleet.redis.hset(fleet.board.keys.kinds, contract.kind, contract.model_dump_json())

    yield announce
    if made:
        fleet.redis.hdel(fleet.board.keys.kinds, *made)


def environment(**more: str) -> dict[str, str]:
    """The environment of a command in a process of its own: no setting of this machine, no colours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BACKDESK_", "OPENAI_"))}
    return {**kept, "PYTHONPATH": str(ROOT), "C_FORCE_ROOT": "1", "BACKDESK_OFFLINE_TOKEN_DELAY_MS": "0", **more}


def begin(*words: str, cwd: Path, **more: str) -> subprocess.Popen[str]:
    """Start a command in a process of its own."""
    command = [sys.executable, "-m", "backdesk.cli", *words]
    return subprocess.Popen(
        command, cwd=cwd, env=environment(**more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str], within_s: float = 60) -> Answer:
    """Wait for the end of a command."""
    try:
        out, err = process.communicate(timeout=within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"the command did not end; it wrote:\n{out}\n{err}") from None
    return Answer(process.returncode, out, err)


def written_to(terminal: int) -> str:
    """All that processes write to a terminal until the last of them has closed it; it is closed then."""
    screen = b""
    try:
        while piece := os.read(terminal, 4096):
            screen += piece
    except OSError:  # Linux tells the end of a terminal so
        pass
    os.close(terminal)
    return screen.decode()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except ProcessLookupError:  # from the file too, when it goes while it is read
        return False
    except FileNotFoundError:  # it has gone since, or this is no Linux
        return not Path("/proc/self").exists()


def descendants(pid: int) -> set[int]:
    """The processes that a process has started, directly or not."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(child): int(parent) for child, parent in (line.split() for line in listed.splitlines())}
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in found | {pid}} - found:
        found |= more
    return found


def words_of(pid: int) -> list[str]:
    """The command line of a process; empty when it is gone."""
    listed = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listed.stdout.split()

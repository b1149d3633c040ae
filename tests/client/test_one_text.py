"""The two clients are one text, of which the blocking half is written by a program."""

from __future__ import annotations

import inspect
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backdesk.client import AsyncJobClient, JobClient
from tests.support.workers import ROOT


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the program and of the clients."""
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    client = "producers/backdesk/client"
    shutil.copytree(ROOT / client, tmp_path / client)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def unasync(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ".ci/unasync.py", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_blocking_client_is_what_the_asyncio_one_says() -> None:
    done = unasync(ROOT, "--check")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_change_of_one_client_alone_is_found_and_mended(copied: Path) -> None:
    blocking = copied / "producers/backdesk/client/blocking"
    kept = (blocking / "client.py").read_text()
    (blocking / "client.py").write_text(kept + "\n# changed here alone\n")
    (blocking / "more.py").touch()
    done = unasync(copied, "--check")
    assert done.returncode == 1
    assert [Path(line.split()[0]).name for line in done.stderr.splitlines()] == ["client.py", "more.py"]
    assert unasync(copied).returncode == 0
    assert (blocking / "client.py").read_text() == kept
    assert not (blocking / "more.py").exists()


def test_no_word_of_asyncio_is_left_in_the_blocking_client() -> None:
    for path in (ROOT / "producers/backdesk/client/blocking").glob("[!_]*.py"):
        text = path.read_text()
        foreign = ("await ", "async ", "Async", "import asyncio", "redis.asyncio")
        assert not [word for word in foreign if word in text], path.name


def test_both_clients_take_the_same_words() -> None:
    def words(owner: type) -> dict[str, list[str]]:
        methods = inspect.getmembers(owner, inspect.isfunction)
        return {name: [*inspect.signature(each).parameters] for name, each in methods if not name.startswith("_")}

    assert words(JobClient) == words(AsyncJobClient)

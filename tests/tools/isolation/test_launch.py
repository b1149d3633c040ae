"""Programs end when they must, whoever is gone by then, and begin with nothing of the worker's."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from backdesk.tools.isolation import launcher
from backdesk.tools.isolation.launch import Ended, Level, NotStarted, run_at
from backdesk.tools.isolation.program import ENVIRONMENT, Program, SandboxLimits
from tests.support.eventually import eventually, eventually_async
from tests.support.isolated import isolating_levels_here, levels_here, open_place
from tests.support.workers import ROOT

of_each_level = pytest.mark.parametrize("level", levels_here(), ids=lambda level: level.name)


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_place() as place:
        (place / "work").mkdir()
        yield place / "work"


def program(*argv: str, **limits: float) -> Program:
    return Program(Path("/usr/bin", argv[0]), argv, limits=SandboxLimits(**limits))  # type: ignore[arg-type]


def processes(marker: str) -> list[int]:
    """The processes of `cat` that were called with an argument."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            called, *arguments = path.read_bytes().split(b"\0")
            if called.endswith(b"cat") and marker.encode() in arguments:
                found.append(int(path.parent.name))
    return found


def endless(folder: Path) -> str:
    """A pipe that nobody writes to; who reads it waits."""
    marker = f"pipe-{uuid4().hex}"
    os.mkfifo(folder / marker, 0o644)
    return marker


@of_each_level
async def test_what_takes_too_long_is_stopped_and_gone(level: Level, folder: Path) -> None:
    marker = endless(folder)
    ended = await run_at(level, program("cat", marker, seconds=0.3), folder)
    assert (ended.stopped, ended.level) == ("time", level)
    assert 0.3 <= ended.seconds < 5
    assert processes(marker) == []


@of_each_level
async def test_what_is_cancelled_is_gone_within_a_second(level: Level, folder: Path) -> None:
    marker = endless(folder)
    run = asyncio.ensure_future(run_at(level, program("cat", marker, seconds=60), folder))
    await eventually_async(lambda: processes(marker), what="the program")
    began = time.monotonic()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert time.monotonic() - began < 1
    assert processes(marker) == []


_OWNER = """
import asyncio, sys
from pathlib import Path
from backdesk.tools.isolation.launch import Level, run_at
from backdesk.tools.isolation.program import Program, SandboxLimits
level, folder, marker = sys.argv[1:]
program = Program(Path("/usr/bin/cat"), ["cat", marker], limits=SandboxLimits(seconds=60))
asyncio.run(run_at(Level[level], program, Path(folder)))
"""


@of_each_level
def test_nothing_outlives_a_worker_that_is_killed(level: Level, folder: Path) -> None:
    marker = endless(folder)
    path = os.pathsep.join(str(ROOT / name) for name in ("worker", "tasks", "producers"))
    env = {**os.environ, "PYTHONPATH": path, "BACKDESK_SANDBOX_LEAST": level.name}
    owner = subprocess.Popen([sys.executable, "-c", _OWNER, level.name, str(folder), marker], env=env)
    eventually(lambda: processes(marker), what="the program")
    launchers = launchers_of(owner.pid)
    assert launchers
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    eventually(lambda: not processes(marker), 5, what="the end of the program")
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in launchers), 5, what="the end of its launcher")


@of_each_level
async def test_a_program_dies_with_its_launcher(level: Level, folder: Path) -> None:
    marker = endless(folder)
    run = asyncio.ensure_future(run_at(level, program("cat", marker, seconds=60), folder))
    await eventually_async(lambda: processes(marker), what="the program")
    for pid in launchers_of(os.getpid()):
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(NotStarted, match="its launcher was killed"):
        await run
    await eventually_async(lambda: not processes(marker), 5, what="the end of the program")


def launchers_of(pid: int) -> list[int]:
    children = [int(each) for path in Path(f"/proc/{pid}/task").glob("*/children") for each in path.read_text().split()]
    return [pid for pid in children if "launcher.py" in Path(f"/proc/{pid}/cmdline").read_text()]


@of_each_level
async def test_output_is_kept_up_to_its_limit_and_counted_beyond(level: Level, folder: Path) -> None:
    (folder / "long.txt").write_text("x" * 100_000)
    ended = await run_at(level, program("cat", "long.txt", output_bytes=1_000), folder)
    assert (ended.output, ended.more_bytes, ended.exit_code) == ("x" * 1_000, 99_000, 0)


@of_each_level
async def test_a_flood_of_output_is_stopped(level: Level, folder: Path) -> None:
    with (folder / "flood").open("wb") as file:
        file.truncate(1 << 36)
    ended = await run_at(level, program("cat", "flood", most_output_bytes=1_000_000, seconds=30), folder)
    assert ended.stopped == "output"
    assert 1_000_000 < ended.more_bytes + len(ended.output) < 100_000_000
    assert ended.seconds < 10


@of_each_level
async def test_a_program_knows_nothing_of_the_worker_s_environment(
    level: Level, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED_SECRET", "of-the-worker")
    ended = await run_at(level, program("env"), folder)
    assert dict(line.split("=", 1) for line in ended.output.splitlines() if not line.startswith("PWD=")) == ENVIRONMENT


async def test_a_program_has_no_file_but_its_streams(folder: Path) -> None:
    ended = await run_at(Level.limits, program("ls", "/proc/self/fd"), folder)
    assert ended.output.split() == ["0", "1", "2", "3"], "3 is the folder that it reads"
    ended = await run_at(Level.limits, program("cat", "-"), folder)
    assert (ended.output, ended.exit_code) == ("", 0)


async def test_a_program_has_no_rights_and_gets_none(folder: Path) -> None:
    facts = await status_of(folder)
    assert facts["NoNewPrivs"] == "1"
    assert [int(facts[each], 16) for each in ("CapEff", "CapPrm", "CapInh", "CapAmb")] == [0, 0, 0, 0]
    if os.geteuid() == 0:
        assert int(facts["CapBnd"], 16) == 0
        assert set(facts["Uid"].split()) == set(facts["Gid"].split()) == {"65534"}


async def status_of(folder: Path) -> dict[str, str]:
    ended = await run_at(Level.limits, program("cat", "/proc/self/status"), folder)
    return dict(line.split(":\t", 1) for line in ended.output.splitlines() if ":\t" in line)


async def test_a_program_of_root_that_others_cannot_reach_has_no_capability(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Program, "reachable_by_others", lambda _: False)
    facts = await status_of(folder)
    assert [int(facts[each], 16) for each in ("CapEff", "CapPrm", "CapInh")] == [0, 0, 0]
    assert facts["Uid"].split()[0] == str(os.geteuid())


@pytest.mark.parametrize("level", isolating_levels_here(), ids=lambda level: level.name)
async def test_many_at_once_do_not_get_into_each_other_s_way(level: Level, folder: Path) -> None:
    async def one(number: int) -> Ended:
        return await run_at(level, program("echo", str(number)), folder)

    ends = await asyncio.gather(*map(one, range(8)))
    assert [ended.output for ended in ends] == [f"{number}\n" for number in range(8)]


async def test_a_program_that_cannot_be_executed_says_so(folder: Path) -> None:
    (folder / "text").write_text("x")
    with pytest.raises(NotStarted, match="PermissionError"):
        await run_at(Level.limits, Program(folder / "text", ["text"]), folder)


async def test_a_folder_that_is_a_link_is_none(folder: Path) -> None:
    (folder.parent / "link").symlink_to(folder)
    with pytest.raises(NotADirectoryError):
        await run_at(Level.limits, program("ls"), folder.parent / "link")


#: What the standard library has on Linux alone.
_MISSING = ("waitid", "memfd_create", "setresuid", "setresgid", "pidfd_open")


def elsewhere(folder: Path) -> Path:
    """A launcher that finds itself on another system."""
    source, known = Path(launcher.__file__).read_text("utf-8"), 'LINUX = sys.platform == "linux"'
    assert source.count(known) == 1
    changed = source.replace(known, f"LINUX = False\nfor name in {_MISSING}: delattr(os, name)")
    (folder / "launcher.py").write_text(changed)
    return folder / "launcher.py"


async def test_the_launcher_needs_nothing_that_linux_alone_has(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "__file__", str(elsewhere(tmp_path)))
    ended = await run_at(Level.limits, program("echo", "well"), folder)
    assert (ended.output, ended.exit_code, ended.stopped) == ("well\n", 0, None)
    marker = endless(folder)
    ended = await run_at(Level.limits, program("cat", marker, seconds=0.3), folder)
    assert (ended.stopped, processes(marker)) == ("time", [])

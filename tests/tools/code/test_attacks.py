"""What code cannot do, each tried for real, at each level that isolates."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backdesk.tools.code.run import Report, python, reported
from backdesk.tools.code.runner import CODE
from backdesk.tools.code.settings import CodeSettings
from backdesk.tools.isolation.launch import Ended, Level, run_at
from tests.support.isolated import NAME, SECRET, isolating_levels_here, levels_here, open_place
from tests.tools.code.attacks import ALONE, ATTACKS, IN_TURN, PRELUDE

of_each_isolating_level = pytest.mark.parametrize("level", isolating_levels_here(), ids=lambda level: level.name)
of_each_level = pytest.mark.parametrize("level", levels_here(), ids=lambda level: level.name)
AT_ONCE = 4
#: What is told by code that got somewhere, and by code that did not.
ESCAPED = ("got", SECRET, NAME, "root:x:")
REFUSED = re.compile(r"Error|ended by SIG|ended with status 127|not allowed")


@pytest.fixture
def place() -> Iterator[Path]:
    with open_place() as place:
        yield place


def given(folder: Path, code: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / CODE).write_text(code)


async def run(level: Level, folder: Path, code: str, *, seconds: float = 5, **settings: int) -> tuple[Ended, Report]:
    given(folder, code)
    known = CodeSettings.model_validate({"BACKDESK_CODE_MEMORY_MB": 128, **settings})
    ended = await run_at(level, python(known, seconds), folder)
    return ended, reported(folder, ended)


@contextmanager
def listeners(place: Path) -> Iterator[list[socket.socket]]:
    """Sockets that take whatever comes, and what comes."""
    with (
        socket.create_server(("127.0.0.1", 0)) as stream,
        socket.socket(socket.AF_UNIX) as unix,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams,
    ):
        unix.bind(str(place / "unix"))
        unix.listen()
        datagrams.bind(str(place / "datagram"))
        for name in ("unix", "datagram"):
            (place / name).chmod(0o777)
        sockets = [stream, unix, datagrams]
        for each in sockets:
            each.setblocking(False)
        yield sockets


def has_come(listener: socket.socket) -> bool:
    try:
        if listener.type == socket.SOCK_DGRAM:
            return bool(listener.recv(1))
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def look_of(place: Path) -> list[object]:
    outside = [place, *sorted(path for path in place.iterdir() if not path.name.startswith("work-"))]
    looks = [(str(path), path.stat().st_mode, path.stat().st_uid, path.stat().st_mtime) for path in outside[1:]]
    return [place.stat().st_mode, *looks, (place / "secret.txt").read_text()]


async def outcomes_of(level: Level, place: Path, facts: object) -> dict[str, str]:
    """Try all attacks, and return what is told of each."""
    prelude, gate = PRELUDE.format(facts=facts), asyncio.Semaphore(AT_ONCE)

    async def alone(at: int, name: str) -> str:
        async with gate:
            ended, report = await run(level, place / f"work-{at}", prelude + ATTACKS[name])
        error = (report.error or "").splitlines()[-1:]  # the lines before it quote the code
        return f"{report.result} {error} {ended.output}"

    told = await asyncio.gather(*(alone(at, name) for at, name in enumerate(sorted(ALONE))))
    others = {name: code for name, code in ATTACKS.items() if name not in ALONE}
    ended, report = await run(level, place / "work-all", prelude + IN_TURN.format(attacks=others), seconds=30)
    assert isinstance(report.result, dict), (report, ended)
    return {**dict(zip(sorted(ALONE), told, strict=True)), **{name: str(it) for name, it in report.result.items()}}


@of_each_isolating_level
async def test_no_code_gets_out_of_its_isolation(level: Level, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_SECRET", SECRET)
    with listeners(place) as sockets:
        before = look_of(place)
        port = sockets[0].getsockname()[1]
        facts = (f"{place}/secret.txt", str(place), port, f"{place}/unix", os.getpid(), f"{place}/datagram")
        outcomes = await outcomes_of(level, place, facts)
        assert [has_come(each) for each in sockets] == [False] * 3
        assert look_of(place) == before
    assert outcomes.keys() == ATTACKS.keys()
    escaped = {name: told for name, told in outcomes.items() if any(each in told for each in ESCAPED)}
    assert escaped == {}
    refused = [name for name, told in outcomes.items() if REFUSED.search(told)]
    assert len(refused) > len(ATTACKS) - 12, "they did not come to the attack"


@of_each_isolating_level
async def test_what_code_may_do_it_can(level: Level, place: Path) -> None:
    code = """
import asyncio, csv, datetime, decimal, json, re, sqlite3, statistics, tempfile, threading, zoneinfo
open("made.csv", "w").write("a,b")
with tempfile.NamedTemporaryFile() as file:
    file.write(b"x")
os = __import__("os"); os.mkdir("below"); os.rename("made.csv", "below/moved.csv")
database = sqlite3.connect("data.sqlite3"); database.execute("create table t (n int)"); database.commit()
async def later():
    await asyncio.sleep(0.01)
    return "later"
said = []
thread = threading.Thread(target=said.append, args=("thread",)); thread.start(); thread.join()
[open("below/moved.csv").read(), asyncio.run(later()), *said, statistics.mean([1, 2]), __import__("sys").path[-1][-11:]]
"""
    _, report = await run(level, place / "work", code)
    assert report == Report(result=["a,b", "later", "thread", 1.5, "lib-dynload"])

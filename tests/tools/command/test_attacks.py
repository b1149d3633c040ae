"""What commands cannot do, each tried for real beside a secret, at each level that the machine has."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from backdesk.agents import Desk, Refusal
from backdesk.tools import command_tool
from backdesk.tools.command.grammar import Refused
from backdesk.tools.command.programs import KNOWN
from backdesk.tools.command.tool import PLACES
from backdesk.tools.isolation.files import folder_of_job
from backdesk.tools.isolation.launch import Ended, Level, run_at
from backdesk.tools.isolation.program import Program, SandboxLimits
from tests.support.isolated import NAME, SECRET, isolating_levels_here, levels_here, only, plant
from tests.tools.command.attacks import ATTACKS

#: A pipe keeps a program until its time is over.
QUICK = SandboxLimits(seconds=0.5)
AT_ONCE = 4


def attacks(place: Path, folder: Path) -> Iterator[list[str]]:
    up = os.path.relpath(place, folder)
    for attack in ATTACKS:
        yield [each.format(secret=place / "secret.txt", above=place, up=up) for each in attack]


def listing(place: Path) -> set[Path]:
    return set(place.rglob("*"))


def told(output: str) -> bool:
    """Whether what is outside shows: what is in the secret, what lies beside it, the users of the system."""
    return any(each in output for each in (SECRET, NAME, "root:x:", "root:$"))


def test_the_corpus_is_as_large_as_it_says() -> None:
    assert len(set(ATTACKS)) == len(ATTACKS) >= 100


@pytest.mark.parametrize("level", levels_here(), ids=lambda level: level.name)
async def test_no_command_gets_at_a_secret_or_writes(
    level: Level, desk: Desk, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(level, monkeypatch)
    tool = command_tool("command", limits=QUICK)
    folder = (await folder_of_job(desk, "command")).path
    plant(folder, place / "secret.txt")
    before = listing(place)
    brought = []
    for attack in attacks(place, folder):
        outcome = await tool(desk, attack[0], attack[1:])
        said = "" if isinstance(outcome, Refusal) else outcome.output
        assert isinstance(outcome, Refusal) or outcome.level == level.name
        if told(said):
            brought.append((attack, said))
    assert brought == []
    assert listing(place) == before


@pytest.mark.parametrize("level", isolating_levels_here(), ids=lambda level: level.name)
async def test_no_program_gets_at_a_secret_whatever_its_arguments_are(level: Level, place: Path) -> None:
    """As though the grammar and the look at the paths let everything pass."""
    folder = place / "a" / "b" / "c" / "folder"
    folder.mkdir(parents=True)
    plant(folder, place / "secret.txt")
    before = listing(place)
    gate = asyncio.Semaphore(AT_ONCE)

    async def tried(attack: list[str]) -> Ended | None:
        path = shutil.which(Path(attack[0]).name, path=PLACES)
        if "\0" in "".join(attack) or path is None:
            return None
        async with gate:
            return await run_at(level, Program(Path(path), attack, limits=QUICK), folder)

    tries = list(attacks(place, folder))
    ends = await asyncio.gather(*map(tried, tries))
    assert [attack for attack, end in zip(tries, ends, strict=True) if end and told(end.output)] == []
    assert sum(end is not None for end in ends) > 80
    assert listing(place) == before


@pytest.mark.parametrize("level", isolating_levels_here(), ids=lambda level: level.name)
async def test_a_link_that_is_exchanged_meanwhile_leads_nowhere(level: Level, place: Path) -> None:
    folder = place / "folder"
    (folder / "honest").mkdir(parents=True)
    (folder / "honest" / "secret.txt").write_text("nothing")
    over = threading.Event()

    def exchange() -> None:
        while not over.is_set():
            for target in ("honest", str(place)):
                (folder / "next").symlink_to(target)
                (folder / "next").rename(folder / "flips")

    racer = threading.Thread(target=exchange)
    program = Program(Path("/usr/bin/cat"), ["cat", *["flips/secret.txt"] * 1000], limits=SandboxLimits())
    said = ""
    racer.start()
    try:
        while not ("nothing" in said and "cat: " in said):  # it has met both
            said += (await run_at(level, program, folder)).output
    finally:
        over.set()
        racer.join()
    assert SECRET not in said


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("grep", ["-f", "x", "y"]),
        ("grep", ["-R", "x"]),
        ("grep", ["-rnR", "x"]),
        ("grep", ["--fil=x", "y"]),
        ("grep", ["x", "y", "--include-from=z"]),
        ("grep", ["-A", "-1", "x"]),
        ("grep", ["-m", "1000000", "x"]),
        ("grep", ["-m"]),
        ("grep", []),
        ("grep", ["--recursive=yes", "x"]),
        ("ls", ["-L"]),
        ("ls", ["--sort=--color"]),
        ("cat", ["a", "../b"]),
        ("cat", ["/a"]),
        ("cat", ["x" * 4001]),
        ("cat", ["x"] * 101),
        ("cat", ["\ud800"]),
        ("cat", ["--n"]),
        ("head", ["-n", "+5", "x"]),
    ],
)
def test_what_the_grammar_does_not_list_is_refused(program: str, arguments: list[str]) -> None:
    with pytest.raises(Refused):
        KNOWN[program].read(arguments)


@pytest.mark.parametrize(
    ("program", "arguments", "written"),
    [
        ("grep", ["-rn", "-eA", "a"], ["grep", "-r", "-n", "-e", "A", "--", "a"]),
        ("grep", ["x", "a", "-i"], ["grep", "-i", "--", "x", "a"]),
        ("grep", ["--", "-f", "a"], ["grep", "--", "-f", "a"]),
        ("grep", ["-nA", "3", "x"], ["grep", "-n", "-A", "3", "--", "x"]),
        ("grep", ["--include=*.py", "-r", "x"], ["grep", "--include=*.py", "-r", "--", "x"]),
        ("grep", ["--max-count", "007", "x"], ["grep", "--max-count=7", "--", "x"]),
        ("ls", ["-la", "./notes/"], ["ls", "-l", "-a", "--", "notes"]),
        ("cat", ["--", "-n"], ["cat", "--", "-n"]),
        ("echo", ["-n", "a", "-e"], ["echo", "-n", "a", "-e"]),
        ("echo", ["--help", "x"], ["echo", "--help", "x"]),
    ],
)
def test_what_is_run_is_written_from_what_was_read(program: str, arguments: list[str], written: list[str]) -> None:
    assert KNOWN[program].read(arguments).argv == written

"""One run of a program at a level: started, read, watched, and gone when this returns."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Literal

from backdesk.tools.isolation import bubblewrap, launcher, seccomp
from backdesk.tools.isolation.folder import size_of
from backdesk.tools.isolation.program import ENVIRONMENT, Program
from backdesk.tools.isolation.seccomp import Unusable

NOBODY = 65534
#: How often the size of a folder is looked at that a program may write into. Seconds.
LOOK_S = 0.1
#: How much longer than its time a program may seem to run before its launcher counts as stuck; and how long that may
#: take to end it. Seconds.
GRACE_S, END_S = 15.0, 5.0
_PIECE = 65_536
_SIGNALLED = 128

Stopped = Literal["time", "cpu", "output", "threads", "folder"]


#: For what its launcher stops a program.
_BY_LAUNCHER: Mapping[str | None, Stopped] = {"time": "time", "threads": "threads"}


class Level(IntEnum):
    """How a program is isolated, the weakest first. Each holds what those before it hold."""

    limits = 1
    landlock = 2
    bubblewrap = 3


class NotStarted(Exception):
    """The program could not be started in isolation, and did nothing."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended. `exit_code` is minus the signal that has ended it."""

    level: Level
    exit_code: int
    #: What it said on both of its streams, up to the limit, and how many bytes more there were.
    output: str
    more_bytes: int
    #: Which limit ended it, if one did.
    stopped: Stopped | None
    seconds: float
    cpu_seconds: float
    #: The most that it had at once.
    memory_mb: float


async def run_at(level: Level, program: Program, folder: Path) -> Ended:
    """Run a program in a folder at a level, and return how it ended. Cancelled, it is dead before this returns.

    Raises NotStarted, and Unusable for a level that the machine has not.
    """
    with ExitStack() as held:
        plan, files = held.enter_context(_prepared(level, program, folder))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", launcher.__file__),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=ENVIRONMENT,
            cwd="/",
            pass_fds=files,
            start_new_session=True,
        )
        run = _Run(process, program, folder)
        try:
            await run.begin(plan)
            async with asyncio.timeout(program.limits.seconds + GRACE_S):
                report = await run.report()
        except TimeoutError:
            report = {"stopped": "time", "exit_code": -signal.SIGKILL, "seconds": program.limits.seconds}
        finally:
            await run.end()
    return run.ended(level, report)


class _Run:
    """A launcher and its program, from here."""

    def __init__(self, process: Process, program: Program, folder: Path) -> None:
        self._process = process
        self._limits = program.limits
        self._watched = folder if program.writable else None
        self._kept = bytearray()
        self._bytes = 0
        self._why: Stopped | None = None

    async def begin(self, plan: dict[str, Any]) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        self._process.stdin.write(json.dumps(plan).encode() + b"\n")
        with suppress(ConnectionError):  # its report says why
            await self._process.stdin.drain()

    async def report(self) -> dict[str, Any]:
        """Read all that it says, and return what the launcher reports. Raises NotStarted."""
        assert self._process.stderr is not None  # noqa: S101 - as above
        watching = asyncio.ensure_future(self._watch())
        try:
            said, _ = await asyncio.gather(self._process.stderr.read(), self._read())
        finally:
            watching.cancel()
        try:
            facts = [json.loads(line) for line in said.splitlines()]
        except ValueError:
            raise NotStarted(said.decode(errors="replace")[-500:]) from None
        report = {name: value for each in facts for name, value in each.items()}
        if "failed" in report or "exit_code" not in report:
            raise NotStarted(report.get("failed", "its launcher was killed"))
        return report

    async def end(self) -> None:
        """Have it killed, and wait for that."""
        self._stop()
        # Whoever is cancelled twice leaves it to the launcher, which has been told.
        try:
            await asyncio.wait_for(self._process.wait(), END_S)
        except TimeoutError:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # the program dies with its launcher
            await self._process.wait()
        finally:
            # What somebody else still held open would stay so for ever.
            self._process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001 - there is no public way

    def ended(self, level: Level, report: dict[str, Any]) -> Ended:
        code, limits = int(report["exit_code"]), self._limits
        if level is Level.bubblewrap and _SIGNALLED < code < _SIGNALLED + signal.NSIG:  # as it tells of signals
            code = _SIGNALLED - code
        stopped = self._why or _BY_LAUNCHER.get(report["stopped"])
        # The kernel looks at its ticks, and tells less than it has counted.
        spent = code == -signal.SIGKILL and report.get("cpu_seconds", 0) >= limits.cpu_seconds
        if not stopped and (code == -signal.SIGXCPU or spent):
            stopped = "cpu"
        return Ended(
            level=level,
            exit_code=code,
            output=self._kept.decode("utf-8", errors="replace"),
            more_bytes=self._bytes - len(self._kept),
            stopped=stopped,
            seconds=report["seconds"],
            cpu_seconds=report.get("cpu_seconds", 0.0),
            memory_mb=report.get("memory_mb", 0.0),
        )

    async def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - as above
        while piece := await self._process.stdout.read(_PIECE):
            self._bytes += len(piece)
            self._kept += piece[: max(0, self._limits.output_bytes - len(self._kept))]
            if self._bytes > self._limits.most_output_bytes and not self._why:
                self._why = "output"
                self._stop()

    async def _watch(self) -> None:
        """Stop it when its folder is larger than it may be."""
        while self._watched:
            await asyncio.sleep(LOOK_S)
            if not size_of(self._watched, self._limits.folder_files).within(self._limits) and not self._why:
                self._why = "folder"
                self._stop()

    def _stop(self) -> None:
        assert self._process.stdin is not None  # noqa: S101 - as above
        self._process.stdin.close()


@contextmanager
def _prepared(level: Level, program: Program, folder: Path) -> Iterator[tuple[dict[str, Any], list[int]]]:
    """Yield the plan for a launcher, and the files that it is left."""
    with ExitStack() as held:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        held.callback(os.close, fd)
        uid = _identity(level, program)
        if os.geteuid() == 0:
            _give(fd, uid or 0)
        environment = {**ENVIRONMENT, **program.environment}
        limits = program.limits.of_process()
        files = [fd]
        plan: dict[str, Any] = {
            "owner": os.getpid(),
            "folder": fd,
            "program": str(program.real),
            "argv": list(program.argv),
            "env": environment,
            "limits": limits,
            "seconds": program.limits.seconds,
            "threads": program.limits.threads,
            "uid": uid,
            "drop": level is not Level.bubblewrap,
            "wrapped": level is Level.bubblewrap,
            "ruleset": None,
            "seccomp": "" if level is Level.limits else seccomp.filter_program().hex(),
        }
        match level:
            case Level.bubblewrap:
                plan |= _wrapped(program, folder, environment)
            case Level.landlock:
                from backdesk.tools.isolation import landlock  # noqa: PLC0415 - Linux alone has it

                ruleset = held.enter_context(landlock.ruleset_for(program, fd))
                plan["ruleset"] = ruleset
                files.append(ruleset)
                limits["RLIMIT_NPROC"] = _threads_of_all() + program.limits.threads
            case Level.limits:
                limits["RLIMIT_NPROC"] = 1
        yield plan, files


def _wrapped(program: Program, folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    bwrap = bubblewrap.find()
    if bwrap is None:
        raise Unusable(bubblewrap.MISSING)
    command = bubblewrap.command(bwrap, program, folder.resolve(), environment)
    return {"program": str(bwrap), "argv": command, "env": {}}


def _identity(level: Level, program: Program) -> int | None:
    """Return the user that a program of root is to be; None where it stays who it is, without any capability."""
    if os.geteuid() != 0 or level is Level.bubblewrap or not program.reachable_by_others():
        return None
    return NOBODY


def _threads_of_all() -> int:
    """Return how many threads the machine has: no user has more."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/loadavg").read_text("ascii").split()[3].partition("/")[2])
    return 0


def _give(folder: int, uid: int) -> None:
    """Make a folder, and what has been put into it, another user's."""
    os.fchown(folder, uid, uid)
    for name in os.listdir(folder):
        with suppress(FileNotFoundError):  # of what is renamed or removed meanwhile
            os.chown(name, uid, uid, dir_fd=folder, follow_symlinks=False)

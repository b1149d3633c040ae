"""A place at which a worker process works, and another when that one has died."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class End:
    """How a worker process ended, and whether somebody saw to it."""

    at: float
    code: int
    wanted: bool


class Post:
    """One worker at a time, under one name, started anew as often as `keep_manned` finds it dead."""

    def __init__(
        self, name: str, command: Sequence[str], env: Mapping[str, str], folder: Path, *, processes: int = 0
    ) -> None:
        self.name = name
        #: Of its pool, besides the main one.
        self.processes = processes
        #: As Celery and the job store know it.
        self.full_name = f"{name}@chaos"
        self.log = folder / f"{name}.log"
        self.ends: list[End] = []
        self._command = [*command, "-n", self.full_name]
        self._env = dict(env)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted = False
        self._begins_at = 0

    @property
    def pid(self) -> int:
        """The process id of the present worker, or of the last one."""
        return self._process.pid if self._process else 0

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def desertions(self) -> list[End]:
        """The ends that nobody had seen to."""
        return [end for end in self.ends if not end.wanted]

    def keep_manned(self) -> None:
        """Start a worker where there is none."""
        if self.alive:
            return
        if self._process is not None:
            self.ends.append(End(time.time(), self._process.returncode, self._wanted))
            self.thaw()  # what it has left behind ends by itself, but not while it is frozen
        self._wanted = False
        with self.log.open("ab") as log:
            self._begins_at = log.tell()
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Kill the main process alone; what it started sees to its own end."""
        self._wanted = True
        self._send(signal.SIGKILL)

    def kill_child(self, pid: int) -> None:
        """Kill a child of the pool. A worker that was not ready yet takes that for a failed start, and ends."""
        self._wanted = self._wanted or not self.ready
        os.kill(pid, signal.SIGKILL)

    @property
    def ready(self) -> bool:
        """Whether Celery has said that the present worker is."""
        with self.log.open("rb") as log:
            log.seek(self._begins_at)
            return b" ready." in log.read()

    def end(self) -> None:
        """Ask the worker to end in good order."""
        self._wanted = True
        self._send(signal.SIGTERM)

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def freeze(self) -> None:
        """Suspend the worker and its children."""
        self._send_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        self._send_all(signal.SIGCONT)

    def remove(self) -> None:
        """End the worker and all that it started, for good. Idempotent."""
        self._wanted = True
        self._send_all(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def _send_all(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def children(self) -> list[int]:
        """The processes of a prefork pool, without its helpers."""
        return sorted(pid for pid in _children_of(self.pid) if "tracker import" not in _command_of(pid))


def _children_of(parent: int) -> Iterator[int]:
    for task in Path(f"/proc/{parent}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            yield from map(int, task.read_text().split())


def _command_of(pid: int) -> str:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""

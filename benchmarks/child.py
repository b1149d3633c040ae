"""The processes that a measurement starts: scripts that answer in lines of JSON, and workers that run until stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[1]
#: Longest wait for a process to do what is asked of it. Seconds.
PATIENCE_S = 180.0
_LOG_TAIL_CHARS = 1_500
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class MeasurementFailed(Exception):
    """A process that takes part in a measurement ended or was silent; the message holds the tail of its log."""


class Child:
    """One process for the length of a `with` block; it is asked to end, then killed, and always waited for.

    It runs in an empty folder, so that no `.env` reaches it. Its messages go to a log that is shown when it fails.
    """

    def __init__(self, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        self._command = [str(part) for part in command]
        self._folder = tempfile.TemporaryDirectory(prefix="backdesk-bench-")
        self._environment = {**environment, "BENCH_SPAN": str(self.span)}

    @property
    def span(self) -> Path:
        """The file in which a peer's worker leaves what `benchmarks/peers/span.py` noted."""
        return Path(self._folder.name) / "span.json"

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=self._folder.name,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        self._folder.cleanup()

    def stop(self) -> None:
        """End the process as an operator would, and wait until it is gone. Idempotent."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def kill(self) -> None:
        """End the process as the end of its machine would."""
        self._process.kill()
        self._process.wait()

    def answer(self) -> Any:
        """Return the next line of its output as JSON."""
        line = self._process.stdout.readline() if self._process.stdout else b""
        if not line:
            raise self._failure("ended without an answer")
        return json.loads(line)

    def wait_until(self, condition: Callable[[], bool], pause_s: float = 0.02) -> None:
        """Wait for something that this process brings about."""
        end = time.monotonic() + PATIENCE_S
        while not condition():
            if self._process.poll() is not None:
                raise self._failure("ended too early")
            if time.monotonic() > end:
                raise self._failure(f"did not get there within {PATIENCE_S:g} s")
            time.sleep(pause_s)

    def cpu_s(self) -> float:
        """CPU time used so far by the process, in seconds. Linux only: elsewhere not a number."""
        return sum(_cpu_s(pid) for pid in self._family())

    def peak_rss_mb(self) -> float:
        """Largest resident memory of the process plus that of its children, in MB. Linux only: else not a number."""
        return sum(_peak_rss_mb(pid) for pid in self._family())

    def _family(self) -> list[int]:
        family = [self._process.pid]
        for pid in family:
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                family += map(int, children.read_text().split())
        return family

    @property
    def _log(self) -> Path:
        return Path(self._folder.name) / "log"

    def _failure(self, reason: str) -> MeasurementFailed:
        tail = self._log.read_text(errors="replace")[-_LOG_TAIL_CHARS:].strip()
        return MeasurementFailed(f"{' '.join(self._command)} {reason}; its log ends:\n{tail}")


def ask(command: Sequence[str | Path], environment: Mapping[str, str]) -> Any:
    """Run a script to its end and return its one line of JSON."""
    with Child(command, environment) as child:
        return child.answer()


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND


def _peak_rss_mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return float("nan")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024

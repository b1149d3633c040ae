"""Processes that do the same thing at the same moment: what shows whether only one of them can."""

from __future__ import annotations

import fcntl
import importlib
import os
import sys
from functools import partial
from pathlib import Path

from tests.support.eventually import PATIENCE_S, eventually
from tests.support.nursery import ROOT, NurseryProcess


def race(function: str, *arguments: str, folder: Path, processes: int = 3) -> list[str]:
    """Have processes call `module:function` with these arguments and their number, together; return what each printed.

    Each is one of its own; they begin when all are ready.
    """
    logs = [folder / f"racer-{number}.log" for number in range(processes)]
    lock = folder / "race.lock"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        racers = [
            NurseryProcess(
                "tests.support.races", [str(lock), function, *arguments, str(number)], cwd=folder, env=env, log=log
            )
            for number, log in enumerate(logs)
        ]
        for racer, log in zip(racers, logs, strict=True):
            eventually(partial(_waits, racer, log))
    for racer in racers:
        racer.wait(PATIENCE_S)
    return [log.read_text().removeprefix("ready\n").strip() for log in logs]


def _waits(racer: NurseryProcess, log: Path) -> bool:
    return bool(log.read_text()) or racer.poll() is not None


def main(lock: str, function: str, *arguments: str) -> None:
    """Be one of the processes."""
    module, _, name = function.partition(":")
    called = getattr(importlib.import_module(module), name)
    print("ready", flush=True)
    with Path(lock).open() as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)
        print(called(*arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])

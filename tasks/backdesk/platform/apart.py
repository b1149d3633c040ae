"""Work on what a stranger has sent, in a process of its own: with so much time and memory, and without any secret."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

#: What such a process has of the environment of the worker.
_NEEDED = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME")

#: How many such processes the event loop of a worker has at a time.
AT_ONCE = 2
_threads = ThreadPoolExecutor(AT_ONCE, "backdesk-apart")


class ApartFailed(Exception):
    """The process has brought nothing: it failed, or took more than it was given. The message says what is known."""


def run_apart(module: str, data: bytes, *arguments: str, most_cpu_s: int, most_memory: int, most_s: float) -> bytes:
    """Return what a module writes that is run with data on its standard input. Blocks. Raises ApartFailed.

    Its arguments are seconds of CPU and bytes of memory, for `keep_within`, and those that are given here.
    """
    kept = {name: os.environ[name] for name in _NEEDED if name in os.environ}
    command = [sys.executable, "-m", module, str(most_cpu_s), str(most_memory), *arguments]
    try:
        done = subprocess.run(command, input=data, env=kept, capture_output=True, timeout=most_s, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ApartFailed(str(error)) from None
    if done.returncode:
        raise ApartFailed(done.stderr.decode("utf-8", "replace")[-300:] or f"it ended with {done.returncode}")
    return done.stdout


async def run_apart_off_the_loop(module: str, data: bytes, *arguments: str, **bounds: Any) -> bytes:
    """Do the same in a thread of its own: those that all else of the process shares are not held up."""
    return await asyncio.wrap_future(_threads.submit(run_apart, module, data, *arguments, **bounds))


def keep_within(most_cpu_s: int, most_memory: int) -> None:
    """Let this process have so much: the system ends it when it takes more."""
    for limit, most in ((resource.RLIMIT_CPU, most_cpu_s), (resource.RLIMIT_AS, most_memory)):
        with suppress(ValueError, OSError):  # a system that knows no such limit, or has a lower one
            resource.setrlimit(limit, (most, most))

"""Children of a prefork pool that are there before it is: forked from a process that has loaded what they need.

Celery spawns them, each to load everything anew for a second of CPU. These wait for what billiard would have passed to
a new interpreter, and then are what that would be: processes of their worker with its environment of that moment, and
the same descriptors under the same numbers. Whoever comes when none is left is spawned.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

#: As the order of a child fits into: the environment above all.
MOST_BYTES = 1_000_000
#: What a worker blocks while it starts a child.
SHARED = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})


class Embryos:
    """Processes that wait to become children of this one. To be made while it has one thread."""

    def __init__(self, count: int) -> None:
        self._waiting: list[tuple[int, socket.socket]] = []
        for _ in range(count):
            self._conceive()

    def install(self) -> None:
        """Have billiard take them."""
        from billiard import popen_spawn_posix

        self._spawn = popen_spawn_posix.spawnv_passfds
        popen_spawn_posix.spawnv_passfds = self._bear

    def _conceive(self) -> None:
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST_BYTES)
        if pid := os.fork():
            its.close()
            self._waiting.append((pid, ours))
            return
        for _, link in self._waiting:
            link.close()
        ours.close()
        _live(its)

    def _bear(self, path: str, words: Sequence[str], descriptors: Sequence[int]) -> int:
        """What `spawnv_passfds` is: start a program as a child with these descriptors; return its process id."""
        if not self._waiting:
            return int(self._spawn(path, words, descriptors))
        pid, link = self._waiting.pop(0)
        numbers = sorted({*descriptors})
        order = {
            "program": words[words.index("-c") + 1],
            "arguments": ["-c", *words[words.index("-c") + 2 :]],
            "env": dict(os.environ),
            "numbers": numbers,
            "blocked": [*signal.pthread_sigmask(signal.SIG_BLOCK, ())],
        }
        with link:
            socket.send_fds(link, [json.dumps(order).encode()], numbers)
        return pid


def _live(link: socket.socket) -> None:
    """Wait for the order, and carry it out to its end; at the end of the worker end too."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SHARED)
    order, passed = _received(link)
    if not order:
        os._exit(0)
    _renumber(passed, order["numbers"])
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv[:] = order["arguments"]
    sys.modules["__main__"] = main = ModuleType("__main__")
    signal.pthread_sigmask(signal.SIG_SETMASK, order["blocked"])
    exec(order["program"], vars(main))  # noqa: S102 - what billiard would have a new interpreter do
    sys.exit()


def _received(link: socket.socket) -> tuple[dict[str, Any], list[int]]:
    with link:
        text, passed, _, _ = socket.recv_fds(link, MOST_BYTES, 16)
    return (json.loads(text) if text else {}), passed


def _renumber(passed: list[int], numbers: list[int]) -> None:
    """Have descriptors under the numbers by which the order names them."""
    above = max([*passed, *numbers]) + 1
    apart = []
    for number in passed:
        apart.append(fcntl.fcntl(number, fcntl.F_DUPFD, above))
        os.close(number)
    for number, wanted in zip(apart, numbers, strict=True):
        os.dup2(number, wanted)
        os.close(number)

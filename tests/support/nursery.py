"""Starts worker processes quickly: each is forked from one that has loaded what it needs, but no kind and no app.

Loading that takes more than a second of CPU, two hundred times in a run of the tests. A worker from here is a process
and a session of its own that runs the same command in the same environment as one from the shell.

Orders and replies are lines of JSON, over the pipes of `python -m tests.support.nursery`.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from backdesk.cli.run.celery_processes import LOOP_POOL, POOL_VARIABLE
from tests.support.embryos import Embryos

ROOT = Path(__file__).parents[2]
#: What a worker loads, of libraries and of ours; nothing that looks at the environment when it is loaded.
LOADED = (
    "backdesk.agents",
    "backdesk.platform.database",
    "backdesk.service.escalations",
    "backdesk.service.knowledge.tool",
    "backdesk.service.tickets",
    "backdesk.shop.payments",
    "backdesk.shop.refund",
    "backdesk.worker.attempt.executor",
    "backdesk.worker.attempt.preparation",
    "backdesk.worker.attempt.task",
    "backdesk.worker.celery.handover",
    "backdesk.worker.celery.redelivery",
    "backdesk.worker.celery.revocation",
    "backdesk.worker.celery.shutdown",
    "backdesk.worker.embedded.discovery",
    "backdesk.worker.services.metrics",
    "backdesk.worker.services.supervisor",
    "alembic.autogenerate",
    "alembic.command",
    "celery.__main__",
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.concurrency.prefork",
    "celery.concurrency.thread",
    "celery.worker.consumer",
    "jsonschema",
    "kombu.transport.redis",
    "prometheus_client",
    "pydantic_ai",
    "pydantic_ai.models.function",
    "pydantic_ai.models.openai",
    "pydantic_settings",
    "redis.asyncio",
    "sqlalchemy.orm",
    "structlog",
    "textblob",
)
POLL_S = 0.005


class NurseryProcess:
    """A process that was forked in the nursery; what `subprocess.Popen` is to one of the shell."""

    def __init__(
        self, module: str, arguments: list[str], *, cwd: Path, env: Mapping[str, str], log: Path, embryos: int = 0
    ) -> None:
        self._nursery = _nursery()
        log.touch()
        order = {"module": module, "arguments": arguments, "cwd": str(cwd), "env": dict(env), "log": str(log)}
        self.pid: int = self._nursery.ask(order | {"embryos": embryos})
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, None as long as it lives."""
        if self._code is None:
            self._code = self._nursery.ask({"pid": self.pid})
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, and return the exit code. Raises subprocess.TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("a process of the nursery", timeout or 0)
            time.sleep(POLL_S)
        return code

    def terminate(self) -> None:
        """Send SIGTERM, if it still lives."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)


class _Nursery:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, POOL_VARIABLE: LOOP_POOL},  # which Celery reads when it is loaded
        )
        self._lock = threading.Lock()
        atexit.register(self._close)

    def ask(self, order: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def _close(self) -> None:
        self._process.communicate()


@cache
def _nursery() -> _Nursery:
    return _Nursery()


def main() -> None:
    """Serve orders until their pipe is closed."""
    for module in LOADED:
        importlib.import_module(module)
    gc.freeze()  # what is loaded is not looked through again by each child
    replies = os.dup(1)
    os.dup2(2, 1)
    while line := sys.stdin.readline():
        order = json.loads(line)
        reply = _code_of(order["pid"]) if "pid" in order else _fork(order, replies)
        os.write(replies, json.dumps(reply).encode() + b"\n")


def _code_of(pid: int) -> int | None:
    done, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if done else None


def _fork(order: dict[str, Any], replies: int) -> int:
    if pid := os.fork():
        return pid
    os.close(replies)
    os.setsid()
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for descriptor, target in ((os.open(os.devnull, os.O_RDONLY), 0), (log, 1), (log, 2)):
        os.dup2(descriptor, target)
    if order["embryos"]:
        Embryos(order["embryos"]).install()
    sys.argv[1:] = order["arguments"]
    runpy.run_module(order["module"], run_name="__main__", alter_sys=True)
    sys.exit()  # up through `main`, as at the end of any program


if __name__ == "__main__":
    main()

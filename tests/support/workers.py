"""Real Celery workers in processes of their own, on a Redis of their own."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import gettempdir
from types import TracebackType
from typing import Any, Literal, Self

import redis

from backdesk.cli.run.celery_processes import LOOP_POOL, POOL_VARIABLE
from backdesk.client import JobClient
from backdesk.worker.embedded.server import SERVER_VARIABLE, EmbeddedRedis
from backdesk.worker.settings import Settings, celery_queue, load_settings
from backdesk.worker.store.connection import connect
from tests.support.board import Board
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.nursery import NurseryProcess
from tests.support.ports import hold

ROOT = Path(__file__).parents[2]
KINDS = "tests.support.kinds,tests.support.asking,tests.support.talking,tests.support.golden"
#: The blobs of this process's fleets; made when there is one. Others have other Redis, and would sweep them.
BLOBS = Path(gettempdir(), f"backdesk-tests-{os.getpid()}")
FAST: dict[str, Any] = {
    "lease_s": 3.0,
    "tick_s": 0.5,
    "redispatch_after_s": 1.0,
    "drain_grace_s": 90.0,
    "log_format": "json",
    "blobs_url": BLOBS.as_uri(),
}


def _clear(owner: int) -> None:
    if os.getpid() == owner:  # what is forked from it ends before
        shutil.rmtree(BLOBS, ignore_errors=True)


atexit.register(_clear, os.getpid())

Queue = Literal["agents", "tools"]
POOLS: dict[Queue, str] = {"agents": "custom", "tools": "prefork"}
SLOTS: dict[Queue, int] = {"agents": 4, "tools": 2}


def fast_settings(url: str, **overrides: Any) -> Settings:
    """Settings whose times are short, so that tests of what happens after them are.

    But a lease outlasts what a worker waits for its turn on a busy machine, and the grace of a worker that ends is
    long: what ends before it was not waiting for it. And the maintenance is not much quicker than it is by default:
    workers that idle beside the tests would take a sixth of the CPU for it.
    """
    if overrides:
        return load_settings(_env_file=None, redis_url=url, **{**FAST, **overrides})
    given = frozenset((name, value) for name, value in os.environ.items() if name.startswith("BACKDESK_"))
    return _read_once(given).model_copy(update={"redis_url": url})


@cache
def _read_once(_variables: frozenset[tuple[str, str]]) -> Settings:
    return load_settings(_env_file=None, **FAST)


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """The environment that gives a process these settings, the test kinds and the server to test on, and no more."""
    kept = {name: value for name, value in os.environ.items() if _reaches_workers(name)}
    changed = settings.model_dump(mode="json", exclude_defaults=True)
    ours = {f"BACKDESK_{name.upper()}": _plain(value) for name, value in changed.items()}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "C_FORCE_ROOT": "1",
        POOL_VARIABLE: LOOP_POOL,
        "BACKDESK_TASK_MODULES": KINDS,
        "BACKDESK_SAMPLES": "1",
        **ours,
        **more,
    }


def _reaches_workers(variable: str) -> bool:
    return variable == SERVER_VARIABLE or not variable.startswith(("BACKDESK_", "OPENAI_"))


def _plain(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)


class Worker:
    """One `celery worker` process; with `spawns` its children are spawned, and not forked from what is loaded."""

    def __init__(
        self,
        queue: Queue,
        settings: Settings,
        folder: Path,
        name: str,
        *,
        slots: int,
        pool: str,
        spawns: bool,
        **env: str,
    ) -> None:
        self.name = f"{name}@test"
        self._log = folder / f"{name}.log"
        arguments = [
            "-A",
            "backdesk.worker.app",
            "worker",
            "-P",
            pool,
            "-c",
            str(slots),
            "-Q",
            queue,
            "-n",
            self.name,
        ]
        arguments += ["--without-gossip", "--without-mingle", "-l", "INFO"]
        given = environment(settings, **env)
        embryos = 0 if spawns or pool != "prefork" else slots
        self._process = NurseryProcess("celery", arguments, cwd=folder, env=given, log=self._log, embryos=embryos)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None as long as it lives."""
        return self._process.poll()

    @property
    def text(self) -> str:
        """Everything it has written so far."""
        return self._log.read_text(errors="replace")

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The structured lines of its log."""
        return [json.loads(line) for line in self.text.splitlines() if line.startswith("{") and line.endswith("}")]

    def logged(self, event: str, **facts: Any) -> list[dict[str, Any]]:
        """The lines of one event that carry these facts."""
        return [line for line in self.lines if line["event"] == event and facts.items() <= line.items()]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the worker and to what it started."""
        os.killpg(self.pid, number)

    def kill(self) -> None:
        """Kill it and what it started, as the machine's end would. Idempotent."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        """End it in good order, and return its exit code."""
        if self.alive:
            self._process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Wait for its end, and return its exit code."""
        try:
            return self._process.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop; its log ends:\n{self.text[-3000:]}") from None


class Fleet:
    """A Redis, workers on it, and the means to ask for jobs and to look into the store."""

    def __init__(self, folder: Path, keep: Path | None = None, **overrides: Any) -> None:
        self._folder = folder
        self._overrides = overrides
        self._server = EmbeddedRedis(keep)
        self._keep = keep
        self.workers: list[Worker] = []

    def __enter__(self) -> Self:
        self._server.start()
        self.settings = fast_settings(self._server.url, **self._overrides)
        self.redis: redis.Redis = connect(self.settings.url)
        self.jobs = JobClient(settings=self.settings, checks={})
        self.board = Board(self.redis, self.settings)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for worker in self.workers:
            worker.kill()
        self.jobs.close()
        self.redis.close()
        self._server.stop()

    def start_worker(self, queue: Queue = "agents", **how: Any) -> Worker:
        """Start a worker and wait until it has announced itself; `how` is as for `begin_worker`."""
        worker = self.begin_worker(queue, **how)
        self.wait_for(worker)
        return worker

    def begin_worker(
        self,
        queue: Queue = "agents",
        *,
        slots: int | None = None,
        pool: str | None = None,
        spawns: bool = False,
        **env: Any,
    ) -> Worker:
        """Start a worker and return at once."""
        name = f"{queue}-{len(self.workers) + 1}"
        how: dict[str, Any] = {"slots": slots or SLOTS[queue], "pool": pool or POOLS[queue], "spawns": spawns, **env}
        worker = Worker(queue, self.settings, self._folder, name, **how)
        self.workers.append(worker)
        return worker

    def wait_for(self, worker: Worker) -> None:
        """Wait until a worker has announced itself."""

        def announced() -> bool:
            assert worker.alive, f"{worker.name} ended at its start:\n{worker.text[-3000:]}"
            return bool(self.redis.exists(self.board.keys.worker(worker.name)))

        eventually(announced, what=f"the announcement of {worker.name}")

    def start_workers(self, *queues: Queue, slots: int | None = None, **env: Any) -> list[Worker]:
        """Start a worker for each of these queues, all at once, and wait until they have announced themselves."""
        workers = [self.begin_worker(queue, slots=slots, **env) for queue in queues]
        for worker in workers:
            self.wait_for(worker)
        return workers

    def doze(self) -> None:
        """Suspend all workers."""
        for worker in self.workers:
            worker.signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let them go on, and wait until they have announced themselves anew."""
        self.redis.delete(*(self.board.keys.worker(worker.name) for worker in self.workers))
        for worker in self.workers:
            worker.signal(signal.SIGCONT)
        for worker in self.workers:
            self.wait_for(worker)

    def wait_until_running(self, job_id: str) -> None:
        eventually(lambda: self.board.state(job_id) == "running", what=f"the start of {job_id}")

    def restart_redis(self) -> None:
        """Stop the server and start it again on the same port with what it has kept."""
        with self.redis_stopped():
            pass

    @contextmanager
    def redis_stopped(self) -> Iterator[None]:
        """The server is away within the block, and then back on the same port with what it has kept."""
        port = self._server.port
        self._server.stop()
        with hold(port):
            yield
            self._server = EmbeddedRedis(self._keep, port=port).start()
        assert self._server.port == port

    def list_of(self, queue: Queue) -> str:
        """The Redis list that the workers of a queue read."""
        return celery_queue(self.settings.prefix, queue)

    @property
    def url(self) -> str:
        return self.settings.url

    @property
    def server(self) -> EmbeddedRedis:
        return self._server

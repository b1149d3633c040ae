"""The systems that are measured: how each is started, filled and asked how much it has left to do."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis

from backdesk.cli.run.celery_processes import LOOP_POOL, POOL_VARIABLE, WORKER
from backdesk.worker.model.job import JobState
from backdesk.worker.store.keys import Keys
from benchmarks.child import ROOT, ask
from benchmarks.environment import PeerMissing, peers_python

#: What one waiting job waits, as an agent does for its model. Seconds.
WAIT_S = 2.0
MAX_EVENTS = 100_000
PREFIX = "backdesk"

Command = list[str | Path]


@dataclass(frozen=True, slots=True)
class Contender:
    """One system. The modules are run as `python -m`, each in a process of its own."""

    name: str
    python: Callable[[], Path]
    submitter: str
    worker_module: str
    worker_options: Callable[[int], list[str]]
    #: Jobs that are not done; for Celery, which keeps no record of what runs, those that have not begun.
    left: Callable[[redis.Redis, int], int]

    def worker(self, slots: int) -> Command:
        """Return the command of one worker process that runs so many jobs at once."""
        return [self.python(), "-m", self.worker_module, *self.worker_options(slots)]

    def submit(self, url: str, action: str, count: int, kind: str = "noop") -> float:
        """Submit jobs from a process of their own; gives the seconds that it measured."""
        answer = ask([self.python(), "-m", self.submitter, action, str(count), kind], environment(url))
        return float(answer["seconds"])

    def missing(self) -> str | None:
        """Say why this contender cannot run here, if it cannot."""
        try:
            self.python()
        except PeerMissing as reason:
            return str(reason)
        return None


def environment(url: str) -> dict[str, str]:
    """Return the environment of every process: this one's, without settings that would make the sides differ."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BACKDESK_", "CELERY_"))}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "BENCH_REDIS_URL": url,
        "BENCH_WAIT_S": str(WAIT_S),
        "BACKDESK_REDIS_URL": url,
        "BACKDESK_PREFIX": PREFIX,
        POOL_VARIABLE: LOOP_POOL,
        "BACKDESK_TASK_MODULES": "benchmarks.kinds",
        "BACKDESK_MAX_EVENTS": str(MAX_EVENTS),
    }


def here() -> Path:
    """Return the interpreter that has backdesk installed."""
    return Path(sys.executable)


def _celery(pool: str, *options: str) -> Callable[[int], list[str]]:
    quiet = ["--without-gossip", "--without-mingle", "-l", "WARNING"]
    return lambda slots: [*options, "-P", pool, "-c", str(slots), *quiet]


def _succeeded(client: redis.Redis) -> int:
    return int(client.zcard(Keys(PREFIX).state(JobState.SUCCEEDED)))


def _queued_by_celery(client: redis.Redis) -> int:
    with client.pipeline(transaction=False) as pipe:
        pipe.llen("celery")
        pipe.hlen("unacked")
        return sum(pipe.execute())


def _queued_by_arq(client: redis.Redis) -> int:
    return int(client.zcard("arq:queue"))


BACKDESK = Contender(
    "backdesk",
    here,
    "benchmarks.submitter",
    WORKER[-1],
    _celery("custom", "-Q", "agents"),
    lambda client, count: count - _succeeded(client),
)
CELERY = Contender(
    "Celery",
    here,
    "benchmarks.peers.celery_submitter",
    "celery",
    _celery("threads", "-A", "benchmarks.peers.celery_app", "worker"),
    lambda client, _: _queued_by_celery(client),
)
ARQ = Contender(
    "arq",
    peers_python,
    "benchmarks.peers.arq_submitter",
    "benchmarks.peers.arq_worker",
    lambda slots: [str(slots)],
    lambda client, _: _queued_by_arq(client),
)

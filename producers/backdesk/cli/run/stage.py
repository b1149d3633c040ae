"""A stage: a Redis and a worker that a command starts for itself, and takes down again with all that they hold."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from backdesk.cli.connection import connected
from backdesk.cli.errors import CommandFailed, ExitCode
from backdesk.cli.output import Output
from backdesk.cli.run.celery_processes import environment, require, worker_command
from backdesk.cli.run.child import Child
from backdesk.cli.run.stop_signals import stop_interrupts, uninterrupted
from backdesk.client import JobClient
from backdesk.client.deployment import Deployment, find_deployment, shown_url
from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.settings import load_settings

READY_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Stage:
    """A deployment that is ready, and the worker on it that is ours."""

    client: JobClient
    worker: Child

    def check(self) -> None:
        """Raise CommandFailed, with the end of its log, when the worker has gone."""
        if not self.worker.running:
            sentence = f"the worker {self.worker.ending}; its log ends with:"
            raise CommandFailed("worker_died", sentence, ExitCode.FAILED, self.worker.tail())


@contextmanager
def stage(out: Output, what: str, kinds: Collection[str], modules: str, slots: int) -> Iterator[Stage]:
    """Start a worker for these kinds, `modules` as BACKDESK_TASK_MODULES has them, and yield once it is ready.

    Without BACKDESK_REDIS_URL it works on a private Redis and a fresh sample shop. `what` names it among workers. On
    leaving, all that was started is gone, with all its data. Raises CommandFailed when the worker does not come up.
    """
    require("celery", "worker")
    name = f"{what}-{os.getpid()}"
    with stop_interrupts(), _built(name, modules, slots) as (deployment, worker), connected(deployment) as client:
        worker.start()
        ready = Stage(client, worker)
        with out.waiting(f"Starting a worker on the Redis {shown_url(deployment.url)}, {deployment.origin}"):
            _wait_for(ready, name, kinds)
        yield ready


@contextmanager
def _built(name: str, modules: str, slots: int) -> Iterator[tuple[Deployment, Child]]:
    """Yield a Redis to use and a worker to start; both are gone afterwards, with all their data if they are ours."""
    with (
        tempfile.TemporaryDirectory(prefix="backdesk-", ignore_cleanup_errors=True) as folder,
        ExitStack() as stack,
    ):
        private = load_settings().redis_url is None
        if private:
            redis = stack.enter_context(_stopped_in_peace(EmbeddedRedis()))
            settings = load_settings(redis_url=redis.url, queues=("agents", "tools"), prefix="backdesk")
            deployment = Deployment(settings, "started for this")
        else:
            deployment = find_deployment()
        env = environment(deployment, _private_shop(folder, modules) if private else None)
        command = worker_command(["agents"], slots, name, "INFO")
        worker = Child("worker", command, Path(folder) / "worker.log", env, folder_to_remove=folder)
        try:
            yield deployment, worker
        except BaseException:
            with uninterrupted():
                if private:
                    worker.kill()  # nothing that it is doing will be needed
                worker.stop()
            raise
        with uninterrupted():
            worker.stop()


@contextmanager
def _stopped_in_peace(redis: EmbeddedRedis) -> Iterator[EmbeddedRedis]:
    redis.start()
    try:
        yield redis
    finally:
        with uninterrupted():
            redis.stop()


def _private_shop(folder: str, modules: str) -> dict[str, str]:
    """Settings that keep it apart from whatever else is configured here, but for the model."""
    return {
        "BACKDESK_DATA_DIR": folder,
        "BACKDESK_DATABASE_URL": f"sqlite:///{folder}/shop.sqlite3",
        "BACKDESK_SAMPLES": "1",
        "BACKDESK_TASK_MODULES": modules,
        "BACKDESK_QUEUES": "agents,tools",
        "BACKDESK_PREFIX": "backdesk",
    }


def _wait_for(ready: Stage, name: str, kinds: Collection[str]) -> None:
    end = time.monotonic() + READY_WITHIN_S
    while not _is_ready(ready.client, name, kinds):
        ready.check()
        if time.monotonic() > end:
            late = f"the worker was not ready within {READY_WITHIN_S:g} s; its log ends with:"
            raise CommandFailed("not_ready", late, ExitCode.FAILED, ready.worker.tail())
        time.sleep(0.1)


def _is_ready(client: JobClient, name: str, kinds: Collection[str]) -> bool:
    alive = any(announced.name.startswith(f"{name}@") for announced in client.workers())
    return alive and {contract.kind for contract in client.kinds()}.issuperset(kinds)

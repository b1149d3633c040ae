"""The command lines of Celery's processes. They are started, never imported: this package works without Celery."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence

from backdesk.client.deployment import Deployment
from backdesk.worker.errors import ConfigurationError

#: Agents wait for a model most of the time; tools compute.
AGENT_SLOTS = 200
#: What `--pool=custom` means to Celery, by this variable.
POOL_VARIABLE, LOOP_POOL = "CELERY_CUSTOM_WORKER_POOL", "backdesk.worker.celery.pool:LoopPool"
#: A worker as `celery worker` starts it, without all that the `celery` program loads besides.
WORKER = (sys.executable, "-m", "backdesk.worker")
_FLOWER = (sys.executable, "-m", "celery", "-A", "backdesk.worker.app", "flower")
#: Flower keeps this many tasks in memory.
_FLOWER_TASKS = 10_000


def require(module: str, extra: str) -> None:
    """Raise ConfigurationError, with the way out, unless a module is installed."""
    if importlib.util.find_spec(module) is None:
        raise ConfigurationError(
            f'{module} is not installed, which this command needs: pip install "backdesk[{extra}]"'
        )


def tool_slots() -> int:
    """Return how many tools run at once by default: one on each processor that we may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_command(queues: Sequence[str], concurrency: int | None, name: str, log_level: str) -> list[str]:
    """Return the command of a worker. Tools get a process each; all else runs on the loop's pool."""
    tools = list(queues) == ["tools"]
    slots = concurrency or (tool_slots() if tools else AGENT_SLOTS)
    return [
        *WORKER,
        f"--queues={','.join(queues)}",
        f"--pool={'prefork' if tools else 'custom'}",
        f"--concurrency={slots}",
        f"--hostname={name}@%h",
        f"--loglevel={log_level}",
        "--without-gossip",
        "--without-mingle",
    ]


def flower_command(address: str, port: int, extra: Sequence[str] = ()) -> list[str]:
    """Return the command of Flower."""
    return [*_FLOWER, f"--address={address}", f"--port={port}", f"--max-tasks={_FLOWER_TASKS}", *extra]


def environment(deployment: Deployment, changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return our environment with our pool, the deployment's Redis and the changes in it."""
    return {POOL_VARIABLE: LOOP_POOL, **os.environ, "BACKDESK_REDIS_URL": deployment.url, **(changes or {})}

"""Celery's remote control, as `celery control`, Flower and other services send it, where its own answer would be wrong.

`rate_limit` and `time_limit` say "ok" and change nothing, since jobs are limited by the job store. `shutdown` waits for
the running jobs, however long they are. `add_consumer` reads any list, also that of another application. `revoke` is in
`revocation`.
"""

from __future__ import annotations

import os
import signal
from typing import Any

from celery.worker.control import Panel
from kombu import Queue

Reply = dict[str, str]


def install() -> None:
    """Put these in the place of Celery's commands, in a worker's main process. Idempotent."""
    Panel.data.update(
        rate_limit=rate_limit,
        time_limit=time_limit,
        shutdown=shutdown,
        add_consumer=add_consumer,
    )


def rate_limit(_state: Any, task_name: str, rate_limit: Any, **_: Any) -> Reply:
    """Refuse to limit a kind, and tell what does."""
    return {"error": f"Celery limits no jobs here; use: backdesk limits set kind:{task_name} --rate {rate_limit}"}


def time_limit(_state: Any, task_name: str | None = None, **_: Any) -> Reply:
    """Refuse to limit the attempts of a kind, and tell what does."""
    return {"error": f"Celery ends no jobs here; give @task of {task_name}, or the submit of a job, a timeout"}


def shutdown(_state: Any, **_: Any) -> Reply:
    """End this worker as SIGTERM does: its jobs end or leave, and are handed over when the grace has passed."""
    os.kill(os.getpid(), signal.SIGTERM)
    return {"ok": "the worker ends; its jobs end or are handed over"}


def add_consumer(state: Any, queue: str, **_: Any) -> Reply:
    """Read a queue of this deployment, by its name with or without the prefix; any other is refused."""
    queues = state.app.amqp.queues
    found: Queue | None = queues.aliases.get(queue) or dict.get(queues, queue)
    if found is None:
        return {"error": f"{queue!r} is no queue of this deployment; BACKDESK_QUEUES names {', '.join(queues.aliases)}"}
    state.consumer.call_soon(state.consumer.add_task_queue, found.name)
    return {"ok": f"reads {queue}"}

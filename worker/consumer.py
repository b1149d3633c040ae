"""What a worker does with a message of its queues, before Celery makes a task of it.

The queues hold deliveries, "job J is ready for you", and are consumed without acknowledgement: the job store is the
truth, so Celery's unacked bookkeeping, its restore and its duplicates take no part, and cost nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from celery.concurrency.thread import TaskPool as ThreadPool
from celery.exceptions import TaskRevokedError
from celery.worker.consumer import Consumer as CeleryConsumer

log = logging.getLogger(__name__)

#: Longest excerpt of a malformed message in the log.
EXCERPT = 200


def _nothing(*_args: object, **_kwargs: object) -> None:
    """Stand in for ack and reject: the queues are consumed without acknowledgement."""


class Consumer(CeleryConsumer):
    """Celery's consumer, except that no message can stop it: a malformed one is logged and dropped."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.pool, ThreadPool):
            self.on_task_request = self._run_in_thread

    def _run_in_thread(self, request: Any) -> None:
        """Give a task to the pool, and look for the next message as soon as its thread is free.

        With late reading (`worker_disable_prefetch`) a full worker stops reading, and Celery looks again when something
        happens on a socket: for want of acknowledgements nothing would, for up to a second.
        """
        try:
            result = request.execute_using_pool(self.pool)
        except TaskRevokedError:
            return
        result.f.add_done_callback(self._wake)

    def _wake(self, _: object) -> None:
        if self.hub is not None:
            self.hub.call_soon(_nothing)

    def create_task_handler(self, promise: Any = None) -> Callable[[Any], None]:
        """Return what is called for each message."""
        strategies, callbacks = self.strategies, self.on_task_message

        def on_task_received(message: Any) -> None:
            headers = message.headers
            if not isinstance(headers, dict) or not all(isinstance(headers.get(key), str) for key in ("id", "task")):
                log.error(
                    "message_dropped",
                    extra={"reason": "no id or task", "message_body": _excerpt(message.body)},
                )
                return
            strategy = strategies.get(headers["task"])
            if strategy is None:
                # A rolling deploy: the job stays queued, and is delivered again until a worker knows its kind.
                log.warning("kind_not_known_here", extra={"job_id": headers["id"], "kind": headers["task"]})
                return
            try:
                strategy(message, None, _nothing, _nothing, callbacks)
            except Exception as error:  # noqa: BLE001 - one message must never stop the worker
                log.error("message_dropped", extra={"reason": repr(error), "job_id": headers["id"]})  # noqa: TRY400

        return on_task_received


def _excerpt(body: object) -> str:
    return repr(body)[:EXCERPT]

"""A pool for coroutines: they run on the process's event loop, and a job that waits costs no thread.

With `CELERY_CUSTOM_WORKER_POOL=backdesk.worker.celery.pool:LoopPool` it is what `celery worker -P custom` means. Celery
has no such pool: each of its own calls a task as a function and is done when that returns. Here an attempt runs first,
on the loop; when it has ended, Celery's own tracer is given the outcome, so that results, links, signals, events and
logs are what they are in every pool.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import ContextVar
from functools import partial
from typing import Any

from celery.concurrency.base import apply_target
from celery.concurrency.thread import ApplyResult
from celery.concurrency.thread import TaskPool as ThreadPool

#: The attempt whose outcome Celery is being told; None in a pool that calls the task to make one.
ended_attempt: ContextVar[Future[Any] | None] = ContextVar("ended_attempt", default=None)


class LoopPool(ThreadPool):
    """Runs coroutines on the event loop, and `def` bodies in threads, which are made when there are such bodies.

    A task whose `on_loop` is true has `begin(job_id, worker)`, which starts it and gives the future of its end; its
    `run`, called then, finds that in `ended_attempt`. It is not called of an end of which the task says that it
    `is_unheard`.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._under_way: set[Future[None]] = set()

    def on_apply(
        self,
        target: Callable[..., Any],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        callback: Callable[..., Any] | None = None,
        accept_callback: Callable[..., Any] | None = None,
        **options: Any,
    ) -> ApplyResult:
        """Start a task; called in the worker's main thread."""
        kind, job_id, request, *_ = args
        task = self.app.tasks[kind]
        if not getattr(task, "on_loop", False):
            return super().on_apply(target, args, kwargs, callback, accept_callback, **options)

        if accept_callback:
            accept_callback(os.getpid(), time.monotonic())
        attempt, told = task.begin(job_id, request["hostname"]), Future[None]()
        self._under_way.add(told)
        tell = partial(self._tell, told, partial(apply_target, target, args, kwargs, callback))
        of_memory = bool(getattr(getattr(callback, "__self__", None), "told_at_once", False))
        attempt.add_done_callback(partial(self._ended, task, told, tell, of_memory))
        return ApplyResult(told)

    def _ended(
        self, task: Any, told: Future[None], tell: Callable[[Future[Any]], None], of_memory: bool, attempt: Future[Any]
    ) -> None:
        # Results, links and events are written to Redis, which is not for the loop to wait for.
        if not of_memory:
            self.executor.submit(tell, attempt)
        elif task.is_unheard(attempt):
            told.set_result(None)
            self._under_way.discard(told)
        else:
            tell(attempt)

    def _tell(self, told: Future[None], trace: Callable[[], None], attempt: Future[Any]) -> None:
        token = ended_attempt.set(attempt)
        try:
            trace()
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever follows the task
            told.set_exception(error)
        else:
            told.set_result(None)
        finally:
            ended_attempt.reset(token)
            self._under_way.discard(told)

    def on_stop(self) -> None:
        """Wait until all has ended and Celery knows."""
        while self._under_way:
            wait(list(self._under_way))
        super().on_stop()

    def _get_info(self) -> dict[str, Any]:
        return {**super()._get_info(), "coroutines": len(self._under_way)}

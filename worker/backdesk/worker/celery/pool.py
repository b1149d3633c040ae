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
from dataclasses import dataclass, field
from typing import Any, Protocol

from celery.concurrency.base import apply_target
from celery.concurrency.thread import ApplyResult
from celery.concurrency.thread import TaskPool as ThreadPool


class Turnover(Protocol):
    """Who fills the slots of a pool."""

    def wants_next(self) -> bool:
        """Whether a slot that is left now is to be taken at once by the job that is next."""

    def take_over(self, delivery: bytes, claimed: str | None) -> None:
        """Begin the job of a message in a slot that is being left; `claimed` is its id where it came with its claim."""


@dataclass(slots=True, eq=False)
class Attempt:
    """An attempt on the loop, which sets what it has come to, as it does with a future; Celery is told then."""

    pool: LoopPool
    task: Any
    #: What the tracer is called with, and who hears what it made of it.
    target: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any] | None
    callback: Callable[..., Any] | None
    began: float = field(default_factory=time.monotonic)
    told: Future[None] = field(default_factory=Future)
    outcome: Any = None
    error: BaseException | None = None

    @property
    def of_memory(self) -> bool:
        """Whether it takes memory alone to tell Celery."""
        return bool(getattr(getattr(self.callback, "__self__", None), "told_at_once", False))

    @property
    def wanted(self) -> bool:
        """Whether another job takes its slot as it ends; not where it takes long to tell Celery of that end."""
        turnover = self.pool.turnover
        return self.of_memory and turnover is not None and turnover.wants_next()

    def hand_on(self, delivery: bytes, claimed: str | None) -> None:
        """Called on the loop when it does."""
        if self.pool.turnover:
            self.pool.turnover.take_over(delivery, claimed)

    def set_result(self, outcome: Any) -> None:
        """Called when it has ended."""
        self.outcome = outcome
        self.pool.tell(self)

    def set_exception(self, error: BaseException) -> None:
        """Called when it was left by an error."""
        self.error = error
        self.pool.tell(self)

    def result(self) -> Any:
        """Return its outcome, or raise the error that it was left by."""
        if self.error is not None:
            raise self.error
        return self.outcome

    def trace(self) -> None:
        """Have Celery's tracer make of the outcome what it makes of that of any task."""
        apply_target(self.target, self.args, self.kwargs, self._timed)

    def _timed(self, traced: Any) -> None:
        # `(failed, value, seconds)`, where the tracer's clock knows only how long it took to tell it; or an error.
        if isinstance(traced, tuple):
            failed, value, _ = traced
            traced = failed, value, time.monotonic() - self.began
        if self.callback:
            self.callback(traced)


#: The attempt whose outcome Celery is being told; None in a pool that calls the task to make one.
ended_attempt: ContextVar[Attempt | None] = ContextVar("ended_attempt", default=None)


class LoopPool(ThreadPool):
    """Runs coroutines on the event loop, and `def` bodies in threads, which are made when there are such bodies.

    A task whose `on_loop` is true has `begin(job_id, worker, ended)`, which starts it and tells `ended` what it comes
    to; its `run`, called then, finds that in `ended_attempt`. It is not called of an outcome of which the task says
    that it `is_unheard`.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._under_way: set[Future[None]] = set()
        #: Set by the consumer, if slots may be left to others without it.
        self.turnover: Turnover | None = None

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
        attempt = Attempt(self, task, target, args, kwargs, callback)
        self._under_way.add(attempt.told)
        try:
            task.begin(job_id, request["hostname"], attempt)
        except BaseException:
            self._under_way.discard(attempt.told)
            raise
        return ApplyResult(attempt.told)

    def tell(self, attempt: Attempt) -> None:
        """Have Celery told of the end of an attempt; called on the loop."""
        # Results, links and events are written to Redis, which is not for the loop to wait for.
        if not attempt.of_memory:
            self.executor.submit(self._trace, attempt)
        elif attempt.error is None and attempt.task.is_unheard(attempt.outcome):
            self._done(attempt.told)
        else:
            self._trace(attempt)

    def _trace(self, attempt: Attempt) -> None:
        token = ended_attempt.set(attempt)
        try:
            attempt.trace()
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever follows the task
            self._done(attempt.told, error)
        else:
            self._done(attempt.told)
        finally:
            ended_attempt.reset(token)

    def _done(self, told: Future[None], error: BaseException | None = None) -> None:
        if error is None:
            told.set_result(None)
        else:
            told.set_exception(error)
        self._under_way.discard(told)

    def on_stop(self) -> None:
        """Wait until all has ended and Celery knows."""
        while self._under_way:
            wait(list(self._under_way))
        super().on_stop()

    def _get_info(self) -> dict[str, Any]:
        return {**super()._get_info(), "coroutines": len(self._under_way)}

"""Drives the pipeline of an attempt on the event loop, from callbacks: only its body is a task of asyncio.

A task that waits for each step of a small job in turn costs more than all that is done in them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from backdesk.worker.pipeline import Pipeline, Run, Step, answered, throwable
from backdesk.worker.process.event_loop import ProcessLoop
from backdesk.worker.process.leases import Lease

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Ended(Protocol[T_contra]):
    """Who hears of the end of a pipeline: a future, or what does with less."""

    def set_result(self, result: T_contra, /) -> None:
        """Take what it returned."""

    def set_exception(self, exception: BaseException, /) -> None:
        """Take what it raised."""


@dataclass(frozen=True, slots=True)
class Body(Run):
    """What can be broken off: the body of a task, or what is left of it."""

    lease: Lease


class LoopDriver(Generic[T]):
    """One pipeline on its way. `ended` gets what it returns or raises, on the loop."""

    __slots__ = ("_context", "_ended", "_loop", "_pipeline", "_running")

    def __init__(self, loop: ProcessLoop, pipeline: Pipeline[T], ended: Ended[T]) -> None:
        self._loop = loop
        self._pipeline = pipeline
        self._ended = ended
        self._context = copy_context()
        #: The task of the body, or of another step that runs, while it is waited for.
        self._running: asyncio.Future[Any] | None = None

    def start(self) -> None:
        """Have it begin, and return at once. Safe to call from any thread."""
        self._loop.post(self._go, partial(self._pipeline.send, None))

    def _go(self, resume: Callable[[], Step]) -> None:
        try:
            self._wait_for(self._context.run(resume))
        except StopIteration as end:
            self._ended.set_result(end.value)
        except BaseException as error:  # noqa: BLE001 - whoever waits for the end must hear of it
            self._ended.set_exception(error)

    def _wait_for(self, step: Step) -> None:
        if isinstance(step, Future):
            step.add_done_callback(partial(self._loop.post, self._answered))
        else:
            self._run(step)

    def _answered(self, future: Any) -> None:
        """Go on with what a future has come to."""
        try:
            resume = partial(self._pipeline.send, future.result())
        except BaseException as error:  # noqa: BLE001 - the pipeline decides what an error means
            resume = partial(self._pipeline.throw, throwable(error))
        self._go(resume)

    def _run(self, step: Run) -> None:
        # A task of its own: a body that cancels "the current task" must not cancel the pipeline around it.
        self._running = running = self._context.run(asyncio.ensure_future, answered(step))
        running.add_done_callback(self._done)
        if isinstance(step, Body):
            step.lease.abandon = partial(self._loop.post, self._abandon, running)
            step.lease.interrupt = partial(self._loop.post, _cancel, running)
            if step.lease.stopped is not None:
                running.cancel()

    def _done(self, running: asyncio.Future[Any]) -> None:
        if running is self._running:
            self._running = None
            self._answered(running)
        elif not running.cancelled():
            running.exception()  # nobody else will ask, and asyncio complains about that

    def _abandon(self, running: asyncio.Future[Any]) -> None:
        """Go on without a body that does not stop."""
        if running is self._running:
            self._running = None
            self._go(partial(self._pipeline.throw, asyncio.CancelledError()))


def _cancel(running: asyncio.Future[Any]) -> None:
    running.cancel()

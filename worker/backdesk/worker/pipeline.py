"""Work written as a generator that yields what it waits for, so that one text serves threads and event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, TypeVar

from backdesk.worker.errors import TaskError
from backdesk.worker.text.json import printable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Run:
    """A function to be called by whoever drives the pipeline; on an event loop its awaitable result is awaited."""

    call: Callable[[], Any]


Step = Future[Any] | Run
Pipeline = Generator[Step, Any, T]


def drive(pipeline: Pipeline[T]) -> T:
    """Run a pipeline in this thread."""
    try:
        step = next(pipeline)
        while True:
            try:
                answer = step.result() if isinstance(step, Future) else step.call()
            except BaseException as error:  # noqa: BLE001 - the pipeline decides what an error means
                step = pipeline.throw(error)
            else:
                step = pipeline.send(answer)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # StopIteration carries what the generator returns


async def answered(step: Step) -> Any:
    """Return what a step of a pipeline gives on this event loop."""
    if isinstance(step, Future):
        return await asyncio.wrap_future(step)
    result = step.call()
    return await result if isawaitable(result) else result


async def drive_async(pipeline: Pipeline[T], answer: Callable[[Step], Awaitable[Any]] = answered) -> T:
    """Run a pipeline on this event loop; `answer` waits for one of its steps."""
    try:
        step = next(pipeline)
        while True:
            try:
                value = await answer(step)
            except BaseException as error:  # noqa: BLE001 - as above
                step = pipeline.throw(_throwable(error))
            else:
                step = pipeline.send(value)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # as above


def _throwable(error: BaseException) -> BaseException:
    """Return an error that can be thrown into a generator: GeneratorExit would close it instead."""
    return TaskError("exception", f"GeneratorExit: {printable(error)}") if isinstance(error, GeneratorExit) else error

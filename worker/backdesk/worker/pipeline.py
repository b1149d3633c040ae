"""Pipelines: work written as generators that yield what they wait for, so that one text serves threads and loops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import wraps
from inspect import isawaitable
from threading import get_ident
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from backdesk.worker.errors import TaskError
from backdesk.worker.text.json import printable

P = ParamSpec("P")
T = TypeVar("T")
#: What a body calls, and the part behind it that does the work.
Face = TypeVar("Face")
Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Run:
    """A function to be called by whoever drives the pipeline; on an event loop its awaitable result is awaited."""

    call: Callable[[], Any]


Step = Future[Any] | Run
Pipeline = Generator[Step, Any, T]


class Block(Protocol):
    """What encloses a part of a body: begun by a pipeline that returns it, and ended by another."""

    def end(self, error: BaseException | None) -> Pipeline[None]:
        """End it, given what the block raised; what this raises takes its place."""


B = TypeVar("B", bound=Block)


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
        return await _come_to(step)
    result = step.call()
    return await result if isawaitable(result) else result


async def _come_to(future: Future[T]) -> T:
    """Return what a future comes to, as asyncio.wrap_future does; if that happens on this loop, without waking it."""
    loop, thread = asyncio.get_running_loop(), get_ident()
    waiter: asyncio.Future[None] = loop.create_future()

    def told(_: Future[T]) -> None:
        if get_ident() == thread:
            _wake(waiter)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(_wake, waiter)

    future.add_done_callback(told)
    try:
        await waiter
    except asyncio.CancelledError:
        future.cancel()
        raise
    return future.result()


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


async def drive_async(pipeline: Pipeline[T], answer: Callable[[Step], Awaitable[Any]] = answered) -> T:
    """Run a pipeline on this event loop; `answer` waits for one of its steps."""
    try:
        step = next(pipeline)
        while True:
            try:
                value = await answer(step)
            except BaseException as error:  # noqa: BLE001 - as above
                step = pipeline.throw(throwable(error))
            else:
                step = pipeline.send(value)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # as above


def awaited(
    part: Callable[[Face], Part], work: Callable[Concatenate[Part, P], Pipeline[T]]
) -> Callable[Concatenate[Face, P], Coroutine[Any, Any, T]]:
    """Return a method to await that has a part do its work on this event loop."""

    @wraps(work)
    async def method(self: Face, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await drive_async(work(part(self), *args, **kwargs))

    return method


def blocking(
    part: Callable[[Face], Part], work: Callable[Concatenate[Part, P], Pipeline[T]]
) -> Callable[Concatenate[Face, P], T]:
    """Return a method that has a part do its work in this thread."""

    @wraps(work)
    def method(self: Face, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return drive(work(part(self), *args, **kwargs))

    return method


def awaited_block(
    part: Callable[[Face], Part], begin: Callable[Concatenate[Part, P], Pipeline[B]]
) -> Callable[Concatenate[Face, P], AbstractAsyncContextManager[B]]:
    """Return a method for `async with` that encloses a block of a body by what a part begins."""

    @wraps(begin)
    @asynccontextmanager
    async def method(self: Face, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[B]:
        block = await drive_async(begin(part(self), *args, **kwargs))
        try:
            yield block
        except BaseException as error:
            await drive_async(block.end(error))
            raise
        await drive_async(block.end(None))

    return method


def blocking_block(
    part: Callable[[Face], Part], begin: Callable[Concatenate[Part, P], Pipeline[B]]
) -> Callable[Concatenate[Face, P], AbstractContextManager[B]]:
    """Return a method for `with` that encloses a block of a body by what a part begins."""

    @wraps(begin)
    @contextmanager
    def method(self: Face, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[B]:
        block = drive(begin(part(self), *args, **kwargs))
        try:
            yield block
        except BaseException as error:
            drive(block.end(error))
            raise
        drive(block.end(None))

    return method


def throwable(error: BaseException) -> BaseException:
    """Return an error that can be thrown into a generator: GeneratorExit would close it instead."""
    return TaskError("exception", f"GeneratorExit: {printable(error)}") if isinstance(error, GeneratorExit) else error

"""The hands that do the items of a batch: threads for a `def` body, tasks of the event loop for an `async def` one.

The batch is one text for both (`running`): what it waits for it yields as steps, and hands say how they are done.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterator
from functools import partial
from itertools import count, islice
from typing import Any, Protocol

from backdesk.tools.batch.lines import Line, failed, line
from backdesk.tools.batch.window import awaited_in_order, in_order
from backdesk.worker.pipeline import Run

#: What is done with an item, by its index.
Do = Callable[[int, Any], Any]


class Hands(Protocol):
    """Do items up to so many at a time."""

    def begin(self, items: Any, first: int, do: Do | None) -> None:
        """Take up the items from an index on; without `do` they are only handed out, one by one."""

    def next(self) -> Any:
        """Return the next line, or item with its index, in their order; None behind the last one. Maybe to await."""

    def apart(self, blocking: Callable[[], Any]) -> Run:
        """Return the step that does what may block."""


class Threads:
    """Hands that are threads; with one item at a time there are none."""

    def __init__(self, parallel: int) -> None:
        self._parallel = parallel
        self._lines: Generator[Any] | None = None

    def begin(self, items: Any, first: int, do: Do | None) -> None:
        """See `Hands`."""
        calls = zip(count(first), _from(items, first), strict=False)
        if do:
            self._lines = in_order(calls, partial(_safely, do), self._parallel, lambda done: len(done.written))
        else:
            self._lines = in_order(calls, _itself, 1)

    def next(self) -> Any:
        """See `Hands`."""
        return next(self._lines, None) if self._lines is not None else None

    def apart(self, blocking: Callable[[], Any]) -> Run:
        """See `Hands`."""
        return Run(blocking)

    def close(self) -> None:
        """Begin nothing more. What runs is left to its end."""
        if self._lines is not None:
            self._lines.close()


class Tasks:
    """Hands that are tasks of the event loop."""

    def __init__(self, parallel: int) -> None:
        self._parallel = parallel
        self._calls: AsyncGenerator[tuple[int, Any]] | None = None
        self._lines: AsyncGenerator[Any] | None = None

    def begin(self, items: Any, first: int, do: Do | None) -> None:
        """See `Hands`."""
        self._calls = _awaited_from(items, first)
        self._lines = awaited_in_order(self._calls, partial(_safely_awaited, do), self._parallel) if do else self._calls

    async def next(self) -> Any:
        """See `Hands`."""
        return await anext(self._lines, None) if self._lines is not None else None

    def apart(self, blocking: Callable[[], Any]) -> Run:
        """See `Hands`."""
        return Run(partial(asyncio.to_thread, blocking))

    async def aclose(self) -> None:
        """Cancel what is under way, and wait for that."""
        for each in (self._lines, self._calls):
            if each is not None:
                await each.aclose()


def _safely(do: Do, call: tuple[int, Any]) -> Line:
    """Do one item; whatever it raises is its result."""
    index, item = call
    try:
        return line(index, do(index, item))
    except Exception as error:  # noqa: BLE001 - one item's error is beside the results of the others
        return failed(index, error)


async def _safely_awaited(do: Do, call: tuple[int, Any]) -> Line:
    index, item = call
    try:
        return line(index, await do(index, item))
    except asyncio.CancelledError as error:
        if (task := asyncio.current_task()) is None or task.cancelling():
            raise
        return failed(index, error)  # by nobody but itself
    except Exception as error:  # noqa: BLE001 - as above
        return failed(index, error)


def _itself(call: tuple[int, Any]) -> tuple[int, Any]:
    return call


def _from(items: Any, first: int) -> Iterator[Any]:
    return iter(items(first)) if callable(items) else islice(items, first, None)


async def _awaited_from(items: Any, first: int) -> AsyncGenerator[tuple[int, Any]]:
    """Give items from an index on, of an iterable to await or any other."""
    given = items(first) if callable(items) else items
    if not isinstance(given, AsyncIterable):
        for call in zip(count(first), given if callable(items) else islice(given, first, None), strict=False):
            yield call
        return
    index = first if callable(items) else 0
    async for item in given:
        if index >= first:
            yield index, item
        index += 1

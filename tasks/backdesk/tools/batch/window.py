"""Ordered maps that never run far ahead of their slowest item, so that nothing piles up in memory.

`in_order` works in threads, `awaited_in_order` in tasks of the event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

#: Slices of items that may wait for each thread, beside a slow one.
SLICES_A_THREAD = 4
#: Items are handed to a thread in slices that take about this long: by themselves, small ones would cost less than the
#: handing over. In seconds, and the most of a slice.
SLICE_S, MOST_A_SLICE = 0.01, 64
#: What the results of a slice come to at most, if those before it tell, where there is a `size_of`. A single one may be
#: larger.
MOST_SLICE_SIZE = 256 * 1024
#: Items of an event loop that may wait for each that is under way, beside a slow one.
ITEMS_A_TASK = 4


def in_order(
    items: Iterable[T], work: Callable[[T], R], parallel: int, size_of: Callable[[R], int] = lambda _: 0
) -> Generator[R]:
    """Yield what `work` returns for each item, in their order, from up to `parallel` threads; it must not raise.

    Items are taken as they are needed. `size_of` tells how many bytes a result has, so that of large ones fewer wait.
    When the caller stops, what has not begun never begins; what runs is left to its end, as a thread cannot be stopped.
    """
    if parallel == 1:
        yield from map(work, items)
        return
    items, size = iter(items), 1
    pool = ThreadPoolExecutor(parallel, "batch")
    under_way: deque[Future[tuple[list[R], float]]] = deque()
    try:
        while True:
            while len(under_way) < parallel * SLICES_A_THREAD and (piece := list(islice(items, size))):
                under_way.append(pool.submit(_each, work, piece))
            if not under_way:
                return
            done, seconds = under_way.popleft().result()
            size = _next_size(size, seconds / len(done), max(map(size_of, done)))
            yield from done
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


async def awaited_in_order(
    items: AsyncIterator[T], work: Callable[[T], Awaitable[R]], parallel: int
) -> AsyncGenerator[R]:
    """Yield what `work` comes to for each item, in their order, with up to `parallel` at a time; it must not raise.

    Items are taken as they are needed. When the caller stops, what is under way is cancelled, and waited for.
    """
    if parallel == 1:
        async for item in items:
            yield await work(item)
        return
    room = asyncio.Semaphore(parallel)
    under_way: deque[asyncio.Task[R]] = deque()

    async def done(item: T) -> R:
        async with room:
            return await work(item)

    try:
        async for item in items:
            under_way.append(asyncio.create_task(done(item)))
            while len(under_way) >= parallel * ITEMS_A_TASK or (under_way and under_way[0].done()):
                yield await _come_to(under_way[0])
                under_way.popleft()
        while under_way:
            yield await _come_to(under_way[0])
            under_way.popleft()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _come_to(task: asyncio.Task[R]) -> R:
    # To await it would cancel it with whoever waits, before the others: its room would be taken by one of them.
    if not task.done():
        await asyncio.wait((task,))
    return task.result()


def _each(work: Callable[[T], R], items: list[T]) -> tuple[list[R], float]:
    began = time.monotonic()
    return [work(item) for item in items], time.monotonic() - began


def _next_size(size: int, item_s: float, most: int) -> int:
    """Return how many items go into the next slice: no more than twice as many as before, and at once as few as fit."""
    in_time = int(SLICE_S / item_s) if item_s > 0 else MOST_A_SLICE
    in_room = MOST_SLICE_SIZE // most if most > 0 else MOST_A_SLICE
    return max(1, min(in_time, in_room, 2 * size, MOST_A_SLICE))

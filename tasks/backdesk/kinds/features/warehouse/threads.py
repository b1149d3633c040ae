"""The threads in which an event loop waits for a warehouse: none of those that all else of its process shares."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

#: How many jobs of a process wait for a warehouse at a time; others wait for them.
AT_ONCE = 8
_threads = ThreadPoolExecutor(AT_ONCE, "backdesk-warehouse")


async def off_the_loop(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return what a function returns that blocks. Who is cancelled meanwhile leaves it behind, to end by itself."""
    return await asyncio.wrap_future(_threads.submit(work, *args, **kwargs))

"""Takes the cost of runs within one process: as many at once as there are slots, the first tenth not counted."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from itertools import repeat


async def take(run: Callable[[], Awaitable[object]], runs: int, slots: int) -> None:
    """Print the seconds of the counted runs, and those of the CPU that the process used meanwhile, of one run each."""
    await _run(run, runs // 10, slots)
    began, cpu = time.perf_counter(), time.process_time()
    await _run(run, runs, slots)
    seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    print(json.dumps({"seconds": seconds / runs, "cpu_s": cpu_s / runs}), flush=True)


async def _run(run: Callable[[], Awaitable[object]], runs: int, slots: int) -> None:
    left = repeat(None, runs)

    async def slot() -> None:
        for _ in left:
            await run()

    await asyncio.gather(*(slot() for _ in range(slots)))

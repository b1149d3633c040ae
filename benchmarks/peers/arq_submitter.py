"""Submits to arq: `python -m benchmarks.peers.arq_submitter each|many|fill COUNT noop|wait`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

from arq import create_pool  # type: ignore[import-not-found]  # installed beside us, not with us
from arq.connections import RedisSettings  # type: ignore[import-not-found]  # same

WARM_UP = 100


async def main() -> None:
    """Print the seconds a call (`each`) or the seconds for all of them: arq has no call for many."""
    action, count, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    pool = await create_pool(RedisSettings.from_dsn(os.environ["BENCH_REDIS_URL"]))
    for n in range(0 if action == "fill" else WARM_UP):
        await pool.enqueue_job(name, n)
    began = time.perf_counter()
    for n in range(count):
        await pool.enqueue_job(name, n)
    seconds = time.perf_counter() - began
    await pool.aclose()
    print(json.dumps({"seconds": seconds / count if action == "each" else seconds}))


if __name__ == "__main__":
    asyncio.run(main())

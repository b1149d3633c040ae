"""An arq worker, results off: `python -m benchmarks.peers.arq_worker MAX_JOBS`."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from arq.connections import RedisSettings  # type: ignore[import-not-found]  # installed beside us, not with us
from arq.worker import Worker  # type: ignore[import-not-found]  # same

from benchmarks.peers import span

#: arq looks at its queue this often. Its default of 0.5 s would cap a no-op benchmark at two batches a second.
POLL_DELAY_S = 0.01


async def noop(_ctx: dict[str, Any], n: int) -> int:
    """Do nothing."""
    return n


async def wait(_ctx: dict[str, Any], _n: int) -> None:
    """Wait without computing."""
    span.begin()
    await asyncio.sleep(float(os.environ["BENCH_WAIT_S"]))
    span.end()


def main() -> None:
    """Run until a signal comes."""
    worker = Worker(
        functions=[noop, wait],
        redis_settings=RedisSettings.from_dsn(os.environ["BENCH_REDIS_URL"]),
        max_jobs=int(sys.argv[1]),
        poll_delay=POLL_DELAY_S,
        keep_result=0,
    )
    worker.run()


if __name__ == "__main__":
    main()

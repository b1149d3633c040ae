"""Follows many jobs over HTTP, one stream each: `python -m benchmarks.stream_viewers PORT EVENTS FILE`.

FILE has the ids of jobs, by lines. Prints `{"ready":true}` when all streams are open; then, once each has had so many
timestamped events, its report. The first third of these is no part of it: all jobs begin at once, and what is measured
is how it goes on.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from pathlib import Path

import uvloop
from pydantic_core import from_json

#: Streams that are opened at once.
TOGETHER = 100


class Viewers:
    """What they have seen."""

    def __init__(self, port: int, events: int) -> None:
        self._port = port
        self._events = events
        self._open = 0
        self._opening = asyncio.Event()
        self.gaps = 0
        self.latencies_ms: list[float] = []

    async def opened(self, count: int) -> None:
        """Wait until so many streams are open."""
        while self._open < count:
            self._opening.clear()
            await self._opening.wait()

    async def view(self, job_id: str) -> None:
        """Follow one job."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(f"GET /v1/jobs/{job_id}/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        await reader.readuntil(b"retry: ")
        self._open += 1
        self._opening.set()
        seq = ticks = 0
        while ticks < self._events and (line := await reader.readline()):
            if not line.startswith(b"data: "):
                continue
            now_ns, event = time.monotonic_ns(), from_json(line[6:])
            self.gaps += event["seq"] != seq + 1
            seq = event["seq"]
            if sent_ns := event["data"].get("sent_ns"):
                ticks += 1
                if ticks > self._events / 3:
                    self.latencies_ms.append((now_ns - sent_ns) / 1e6)
        self.gaps += ticks < self._events
        writer.close()


async def main(port: int, events: int, jobs: list[str]) -> None:
    """Open all streams, and see them to their end."""
    viewers = Viewers(port, events)
    tasks = []
    for at in range(0, len(jobs), TOGETHER):
        tasks += [asyncio.ensure_future(viewers.view(job_id)) for job_id in jobs[at : at + TOGETHER]]
        await viewers.opened(len(tasks))
    print(json.dumps({"ready": True}), flush=True)
    await asyncio.gather(*tasks)
    seen = sorted(viewers.latencies_ms)
    told = {"p50_ms": statistics.median(seen), "p99_ms": seen[int(len(seen) * 0.99)], "max_ms": seen[-1]}
    print(json.dumps(told | {"events": len(seen), "gaps": viewers.gaps}), flush=True)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]).read_text().split()))

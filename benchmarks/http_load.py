"""Asks an HTTP server again and again: `python -m benchmarks.http_load PORT PATH COUNT CONNECTIONS RATE`.

The body is in BENCH_BODY. RATE is requests a second, 0 for as many as it takes. Prints
`{"rate":…,"p50_ms":…,"p99_ms":…,"failed":…}`. On bare sockets: a library's client would be slower than that.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time

import uvloop


class Load:
    """So many requests over so many connections, each asked anew when it has its answer."""

    def __init__(self, port: int, path: str, count: int, rate: float) -> None:
        body = os.environ["BENCH_BODY"].encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        )
        self._request = head.encode() + b"\r\n\r\n" + body
        self._port = port
        self._left = count
        self._sent = 0
        self._rate = rate
        self._start = time.perf_counter()
        self.took_ms: list[float] = []
        self.failed = 0

    async def connection(self) -> None:
        """Ask over one connection, until all was asked."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while self._left > 0:
            self._left -= 1
            due = await self._turn()
            writer.write(self._request)
            status = await _answer(reader)
            self.took_ms.append((time.perf_counter() - due) * 1e3)
            self.failed += not 200 <= status < 300
        writer.close()

    async def _turn(self) -> float:
        """Wait for the moment of the next request, and return it: one that is late has begun by then."""
        if not self._rate:
            return time.perf_counter()
        due = self._start + self._sent / self._rate
        self._sent += 1
        if (ahead := due - time.perf_counter()) > 0:
            await asyncio.sleep(ahead)
        return due


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))
    return int(head.split(b" ", 2)[1])


async def main() -> None:
    """Ask, and tell how long it took."""
    port, path, count, connections, rate = sys.argv[1:]
    load = Load(int(port), path, int(count), float(rate))
    start = time.perf_counter()
    await asyncio.gather(*(load.connection() for _ in range(int(connections))))
    seconds = time.perf_counter() - start
    took = sorted(load.took_ms)
    told = {"rate": len(took) / seconds, "p50_ms": statistics.median(took), "p99_ms": took[int(len(took) * 0.99)]}
    print(json.dumps(told | {"failed": load.failed}), flush=True)


if __name__ == "__main__":
    uvloop.run(main())

"""Bare `PUBLISH` at a steady rate: `python -m benchmarks.peers.publisher CHANNEL COUNT RATE`.

The floor under any event: no record, no log, no lease, no script, only what Redis and a subscriber cost.
"""

from __future__ import annotations

import json
import os
import sys
import time

import redis


def main() -> None:
    """Publish COUNT timestamped events, RATE a second, and a last one."""
    channel, count, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    client = redis.Redis.from_url(os.environ["BENCH_REDIS_URL"])
    start = time.monotonic()
    for n in range(count):
        time.sleep(max(0.0, start + n / rate - time.monotonic()))
        event = {"seq": n + 1, "type": "bench.tick", "data": {"sent_ns": time.monotonic_ns()}}
        client.publish(channel, json.dumps(event))
    client.publish(channel, json.dumps({"seq": count + 1, "type": "succeeded", "data": {}}))


if __name__ == "__main__":
    main()

"""Subscribes to one job and reports what it heard: `python -m benchmarks.subscriber CHANNEL [JOB]`.

A raw subscriber on purpose: what `JobClient.watch` repairs (gaps, a lost connection) would hide what is measured.
Prints `{"ready":true}` once it is subscribed, and its report when the terminal event came.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import redis
from pydantic_core import from_json
from redis.client import PubSub

from backdesk.worker.model.events import TERMINAL_EVENTS
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.log import log_commands, log_entries
from benchmarks.contender import PREFIX

Heard = list[tuple[int, bytes]]


def listen(pubsub: PubSub) -> Heard:
    """Return every message with its time of receipt in ns, up to the terminal event."""
    heard: Heard = []
    while True:
        message = pubsub.get_message(timeout=60)
        now_ns = time.monotonic_ns()
        if message is None:
            return heard
        heard.append((now_ns, message["data"]))
        if from_json(message["data"])["type"] in TERMINAL_EVENTS:
            return heard


def report(heard: Heard, log: Sequence[bytes | str] | None) -> dict[str, Any]:
    """Return latencies in ms, the rate, the missing numbers, and whether the log holds the very same events."""
    events = [(at_ns, from_json(data)) for at_ns, data in heard]
    ticks = [(at_ns, event["data"]["sent_ns"]) for at_ns, event in events if "sent_ns" in event["data"]]
    latencies = sorted((at_ns - sent_ns) / 1e6 for at_ns, sent_ns in ticks)
    numbers = [event["seq"] for _, event in events]
    return {
        "ticks": len(ticks),
        "p50_ms": statistics.median(latencies),
        "p99_ms": latencies[int(len(latencies) * 0.99)],
        "max_ms": latencies[-1],
        "rate": (len(ticks) - 1) / ((ticks[-1][0] - ticks[0][0]) / 1e9),
        "missing": len(set(range(1, numbers[-1] + 1)) - set(numbers)),
        "in_order": numbers == sorted(set(numbers)),
        "log_equal": log is None or [_kept(event) for _, event in events] == [from_json(entry) for entry in log],
    }


def _kept(event: dict[str, Any]) -> list[Any]:
    """An event as the log keeps it, where the last one has its data in the record."""
    at_ms = round(datetime.fromisoformat(event["at"]).timestamp() * 1000)
    kept = [event["attempt"], at_ms, event["type"], event["data"]]
    return kept[:3] if event["type"] in TERMINAL_EVENTS else kept


def main() -> None:
    """Subscribe, say so, listen, report."""
    client = redis.Redis.from_url(os.environ["BENCH_REDIS_URL"])
    pubsub = client.pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe(sys.argv[1])
    pubsub.get_message(ignore_subscribe_messages=False, timeout=10)
    print(json.dumps({"ready": True}), flush=True)
    heard = listen(pubsub)
    if not any(b"sent_ns" in data for _, data in heard):
        sys.exit(f"heard no event of a body, but {heard[-3:]}")
    print(json.dumps(report(heard, _log(client, sys.argv[2]) if len(sys.argv) > 2 else None)), flush=True)


def _log(client: redis.Redis, job_id: str) -> list[bytes]:
    listed, packed = (client.execute_command(*each) for each in log_commands(Keys(PREFIX), job_id))
    return log_entries(listed, packed)


if __name__ == "__main__":
    main()

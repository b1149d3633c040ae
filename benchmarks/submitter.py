"""Submits jobs to backdesk and prints how long it took: `python -m benchmarks.submitter ACTION COUNT KIND`.

ACTION is `each` (one call a job), `announced` (the same by a service without the kind's model, which checks with the
announced schema), `many` (one call for all) or `fill` (as fast as possible, not timed). The peers' submitters answer
the same way: one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time

from backdesk.client.job_client import JobClient
from backdesk.worker.attempt.registry import REGISTRY
from backdesk.worker.settings import load_settings
from backdesk.worker.store.keys import Keys
from benchmarks import kinds

WARM_UP = 100


def each(client: JobClient, kind: str, count: int) -> float:
    """Return the seconds that one `submit` takes."""
    for n in range(WARM_UP):
        client.submit(kind, {"n": n})
    began = time.perf_counter()
    for n in range(count):
        client.submit(kind, {"n": n})
    return (time.perf_counter() - began) / count


def many(client: JobClient, kind: str, count: int) -> float:
    """Return the seconds that one `submit_many` takes."""
    client.submit_many(kind, [{"n": n} for n in range(WARM_UP)])
    began = time.perf_counter()
    client.submit_many(kind, [{"n": n} for n in range(count)])
    return time.perf_counter() - began


def fill(client: JobClient, kind: str, count: int) -> float:
    """Leave jobs in the queue."""
    wait_s = float(os.environ["BENCH_WAIT_S"])
    request = kinds.WaitRequest(seconds=wait_s) if kind == "bench.wait" else kinds.NoopRequest()
    client.submit_many(kind, [request] * count)
    return 0.0


def announced(client: JobClient, kind: str, count: int) -> float:
    """Return the seconds that one `submit` takes where only the announced schema of the kind is known."""
    client.redis.hset(Keys(load_settings().prefix).kinds, kind, REGISTRY[kind].contract.model_dump_json())
    return each(client, kind, count)


def main() -> None:
    """Do what the command line asks."""
    action, count, kind = sys.argv[1], int(sys.argv[2]), f"bench.{sys.argv[3]}"
    act = {"each": each, "announced": announced, "many": many, "fill": fill}[action]
    with JobClient(checks={} if action == "announced" else kinds.CHECKS) as client:
        print(json.dumps({"seconds": act(client, kind, count)}))


if __name__ == "__main__":
    main()

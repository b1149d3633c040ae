"""Queues jobs with a small payload: `python -m benchmarks.filler TENANTS JOBS_OF_EACH PARTS PART`.

One of PARTS processes, which share the tenants among them.
"""

from __future__ import annotations

import json
import sys
import time

from backdesk.client import JobClient
from benchmarks.kinds import CHECKS


def main() -> None:
    """Print the seconds that it took."""
    tenants, jobs, parts, part = map(int, sys.argv[1:5])
    began = time.perf_counter()
    with JobClient(checks=CHECKS) as client:
        for tenant in range(part, tenants, parts):
            client.submit_many("bench.noop", [{"n": n} for n in range(jobs)], tenant=f"tenant-{tenant}")
    print(json.dumps({"seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main()

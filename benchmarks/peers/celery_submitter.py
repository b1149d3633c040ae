"""Submits to plain Celery: `python -m benchmarks.peers.celery_submitter each|many|fill COUNT noop|wait`."""

from __future__ import annotations

import json
import sys
import time

from benchmarks.peers.celery_app import app

WARM_UP = 100


def main() -> None:
    """Print the seconds a call (`each`) or the seconds for all of them: Celery has no call for many."""
    action, count, task = sys.argv[1], int(sys.argv[2]), app.tasks[sys.argv[3]]
    for n in range(0 if action == "fill" else WARM_UP):
        task.apply_async((n,))
    began = time.perf_counter()
    for n in range(count):
        task.apply_async((n,))
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds / count if action == "each" else seconds}))


if __name__ == "__main__":
    main()

"""The little agent as a task of plain Celery, results off. Run as `fill RUNS` it queues runs of it."""

from __future__ import annotations

import json
import os
import sys
from functools import cache
from typing import Any

from celery import Celery

from benchmarks.peers.little_agent import MESSAGE, make_agent

app = Celery("plain", broker=os.environ["BENCH_REDIS_URL"])
app.conf.task_ignore_result = True


@cache
def _agent() -> Any:
    return make_agent()


def _answer(message: str) -> str:
    answer: str = _agent().run_sync(message).output
    return answer


answer = app.task(name="answer")(_answer)


def main() -> None:
    """Queue runs."""
    for _ in range(int(sys.argv[2])):
        answer.apply_async((MESSAGE,))
    print(json.dumps({"seconds": 0.0}))


if __name__ == "__main__":
    main()

"""Plain Celery: its defaults (acknowledged before the run, its own prefetch), results off."""

from __future__ import annotations

import os
import time

from celery import Celery

from benchmarks.peers import span

app = Celery("plain", broker=os.environ["BENCH_REDIS_URL"])
app.conf.task_ignore_result = True


def _noop(n: int) -> int:
    return n


def _wait(_n: int) -> None:
    span.begin()
    time.sleep(float(os.environ["BENCH_WAIT_S"]))
    span.end()


noop = app.task(name="noop")(_noop)
wait = app.task(name="wait")(_wait)

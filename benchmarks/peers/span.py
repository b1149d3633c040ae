"""When the first body of a worker began and its last one ended; written to the file BENCH_SPAN when the worker ends."""

from __future__ import annotations

import atexit
import json
import os
import time
from pathlib import Path

_started: list[float] = []
_ended: list[float] = []


def begin() -> None:
    """Note that a body begins. Safe from any thread."""
    _started.append(time.time())


def end() -> None:
    """Note that a body ends. Safe from any thread."""
    _ended.append(time.time())


@atexit.register
def _write() -> None:
    if _ended:
        span = {"seconds": max(_ended) - min(_started), "jobs": len(_ended)}
        Path(os.environ["BENCH_SPAN"]).write_text(json.dumps(span), encoding="utf-8")

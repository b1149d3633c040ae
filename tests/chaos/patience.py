"""Waiting for a condition over a connection that may be away."""

from __future__ import annotations

import time
from collections.abc import Callable

from redis.exceptions import RedisError

from backdesk.worker.errors import StoreUnavailable

PAUSE_S = 0.2


def until(condition: Callable[[], bool], patience_s: float, tell: Callable[[float], None] = lambda _: None) -> None:
    """Wait for a condition as long as the patience lasts; that it did not come true is for the checks to say."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < patience_s:
        tell(waited)
        try:
            if condition():
                return
        except (RedisError, StoreUnavailable):
            pass
        time.sleep(PAUSE_S)

"""Somebody with a plain Redis client who listens to channels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.client import PubSub

from tests.support.eventually import PATIENCE_S, eventually


@contextmanager
def listening(client: redis.Redis, *channels: str, pattern: str = "") -> Iterator[PubSub]:
    """Who is subscribed to channels, or to all that fit a pattern, from the beginning of the block on."""
    with client.pubsub() as listener:
        listener.subscribe(*channels) if channels else listener.psubscribe(pattern)
        for _ in channels or [pattern]:
            assert listener.get_message(timeout=PATIENCE_S)
        yield listener


def heard(listener: PubSub, count: int) -> list[dict[str, Any]]:
    """Return the next so many messages."""
    return [eventually(lambda: listener.get_message(timeout=1), what="a message") for _ in range(count)]

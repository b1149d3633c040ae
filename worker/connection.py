"""Connections to Redis, with a time limit on everything: a half-open connection must never hold a worker for ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
import redis.asyncio
import redis.asyncio.retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from worker.errors import StoreUnavailable

#: Raised by redis-py when the server is away or silent.
UNREACHABLE = (RedisConnectionError, RedisTimeoutError, OSError)


def _options(timeout_s: float) -> dict[str, Any]:
    return {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": min(5.0, timeout_s),
        "socket_keepalive": True,
        "health_check_interval": 15,
        # A repeat is decided where it is known to be safe, never inside the client library.
        "retry": Retry(NoBackoff(), 0),
        "client_name": "backdesk",
    }


def connect(url: str, timeout_s: float = 10.0) -> redis.Redis:
    """Return a client with its own pool; opens no connection yet."""
    return redis.Redis.from_url(url, **_options(timeout_s))


def connect_async(url: str, timeout_s: float = 10.0) -> redis.asyncio.Redis:
    """Return an asyncio client with its own pool; use it on one event loop only."""
    options = _options(timeout_s)
    options["retry"] = redis.asyncio.retry.Retry(NoBackoff(), 0)
    return redis.asyncio.Redis.from_url(url, **options)


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of redis-py into StoreUnavailable, so that callers know one name for "Redis cannot serve this"."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreUnavailable(f"Redis cannot serve this: {error}") from error

"""Connections to Redis, with a time limit on everything, and what it means when they fail.

A half-open connection must never hold a worker for ever. A server that answers "not now" (full, read-only, loading) is
like one that is away: what was asked has had no effect, and is asked again.
"""

from __future__ import annotations

import re
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

from backdesk.worker.errors import StoreUnavailable

#: Raised by redis-py when the server is away or silent.
UNREACHABLE = (RedisConnectionError, RedisTimeoutError, OSError)

#: Codes with which a server says "not now", and what to do about each.
REMEDIES = {
    "OOM": "it is full: raise its maxmemory, or lower BACKDESK_RETENTION_S; no job is lost meanwhile",
    "READONLY": "it is a replica: point BACKDESK_REDIS_URL at the primary, or end its REPLICAOF",
    "LOADING": "it is reading its data after a start: wait",
    "BUSY": "a script of somebody holds it up: SCRIPT KILL ends that",
    "MASTERDOWN": "it is a replica that has lost its primary: point BACKDESK_REDIS_URL at the primary",
    "TRYAGAIN": "it is moving data: wait",
    "NOREPLICAS": "too few replicas are connected: mend them, or lower its min-replicas-to-write",
    "MISCONF": "it cannot write to its disk: free space there, and read its log",
}
#: Redis before 7 puts an error inside a script into a sentence about the script, and redis-py one of a pipeline into a
#: sentence about its command; no class or code may be left of it then.
_REFUSAL = re.compile(
    rf"(?:Command # \d+ \(.*\) of pipeline caused error: )?(?:Error running script .*: -)?({'|'.join(REMEDIES)}) ",
    re.DOTALL,
)


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


def refusal(error: BaseException) -> str | None:
    """Return the code if a server said "not now" (a key of `REMEDIES`), else None.

    Redis refuses a script before its first write, so one that was refused has had no effect.
    """
    if not isinstance(error, RedisError):
        return None
    match = _REFUSAL.match(str(error))
    return error.status_code if error.status_code in REMEDIES else match and match[1]


def is_outage(error: BaseException) -> bool:
    """Whether Redis is away or says "not now": the same call may do once that is over."""
    return isinstance(error, UNREACHABLE) or refusal(error) is not None


def explained(error: BaseException) -> str:
    """Return an error of Redis as a sentence, with what to do where we know it."""
    code, said = refusal(error), str(error).rstrip(".")
    if code is None:
        return said or type(error).__name__
    if code not in said:
        said = f"{code} {said}"
    return f"{said[said.index(code) :]}; {REMEDIES[code]}"


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of redis-py into StoreUnavailable, so that callers know one name for "Redis cannot serve this"."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreUnavailable(f"Redis cannot serve this: {explained(error)}") from error

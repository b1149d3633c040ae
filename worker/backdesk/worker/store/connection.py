"""Connections to Redis, with a time limit on everything, and what it means when they fail.

A half-open connection must never hold a worker for ever. A server that answers "not now" (full, read-only, loading) is
like one that is away: what was asked has had no effect, and is asked again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from weakref import finalize

import redis
import redis.asyncio
import redis.asyncio.retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from backdesk.worker.address import read_address
from backdesk.worker.errors import StoreUnavailable
from backdesk.worker.store import following
from backdesk.worker.store.refusal import NOT_PRIMARY, REMEDIES, refusal

#: Raised by redis-py when the server is away or silent.
UNREACHABLE = (RedisConnectionError, RedisTimeoutError, OSError)
#: Connections that one client opens at most, unless its URL says `?max_connections=`. Who finds all of them taken waits
#: for one, this long at most, in seconds: so many callers that they wait longer are more than one process can serve.
MOST_CONNECTIONS = 64
QUEUE_S = 30.0
KEEPALIVE = {"socket_keepalive": True}
#: What an address asks for, by its transport and whether it is one by Sentinels.
BLOCKING = {
    ("redis", False): following.Connection,
    ("rediss", False): following.SSLConnection,
    ("unix", False): following.UnixConnection,
    ("redis", True): following.SentinelConnection,
    ("rediss", True): following.SentinelSSLConnection,
}
ASYNC = {
    ("redis", False): following.AsyncConnection,
    ("rediss", False): following.AsyncSSLConnection,
    ("unix", False): following.AsyncUnixConnection,
    ("redis", True): following.AsyncSentinelConnection,
    ("rediss", True): following.AsyncSentinelSSLConnection,
}
#: How a script is told of a right that the user lacks.
_DENIED = re.compile("ACL failure in script|The user executing the script can't")


def _options(timeout_s: float) -> dict[str, Any]:
    return {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": min(5.0, timeout_s),
        "health_check_interval": 15,
        # A repeat is decided where it is known to be safe, never inside the client library.
        "retry": Retry(NoBackoff(), 0),
        "client_name": "backdesk",
        "max_connections": MOST_CONNECTIONS,
        "timeout": QUEUE_S,
    }


def connect(url: str, timeout_s: float = 10.0, part: str = "") -> redis.Redis:
    """Return a client with its own pool; opens no connection yet. Raises ValueError for a URL that is none.

    `part` is what of a worker it serves. `CLIENT LIST` shows it, and a server short of memory for its clients
    (`maxmemory-clients`) does not take its connections, where the server's version and the user's rights allow that.
    """
    options = _options(timeout_s)
    if part:
        options |= {"client_name": f"backdesk-{part}", "redis_connect_func": following.greet_as_worker}
    client = redis.Redis.from_pool(redis.BlockingConnectionPool(**options | _reached_by(url, BLOCKING, options)))
    # Of a client that is garbage with all that knows it, Python would end the sockets before whoever closes them.
    finalize(client, client.connection_pool.disconnect).atexit = False
    return client


def connect_async(url: str, timeout_s: float = 10.0) -> redis.asyncio.Redis:
    """Return an asyncio client with its own pool; use it on one event loop only. Raises ValueError as above."""
    options = {**_options(timeout_s), "retry": redis.asyncio.retry.Retry(NoBackoff(), 0)}
    options |= _reached_by(url, ASYNC, options)
    return redis.asyncio.Redis.from_pool(redis.asyncio.BlockingConnectionPool(**options))


def _reached_by(
    url: str, transports: Mapping[tuple[str, bool], type[Any]], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a URL says of how to reach its server; that goes before what we would choose."""
    address = read_address(url)
    found = {**address.options, "connection_class": transports[address.transport, bool(address.sentinels)]}
    if address.transport != "unix":
        found |= KEEPALIVE
    if address.sentinels:
        waits = {name: options[name] for name in ("socket_timeout", "socket_connect_timeout", "retry")}
        of_sentinels = {**waits, **address.sentinel_options}
        found |= {"sentinels": address.sentinels, "service": address.service, "sentinel_options": of_sentinels}
    return found


def needs_new_connection(error: BaseException) -> bool:
    """Whether Redis is away or not the primary any more: the same call may do at once, on a new connection."""
    return isinstance(error, UNREACHABLE) or refusal(error) in NOT_PRIMARY


def is_outage(error: BaseException) -> bool:
    """Whether Redis is away or says "not now": the same call may do once that is over."""
    return isinstance(error, UNREACHABLE) or refusal(error) is not None


def is_denied(error: BaseException) -> bool:
    """Whether the user of the connection may not do what was asked; of a script it may have done what came before."""
    return isinstance(error, NoPermissionError) or (isinstance(error, RedisError) and bool(_DENIED.search(str(error))))


def explained(error: BaseException) -> str:
    """Return an error of Redis as a sentence, with what to do where we know it."""
    code, said = refusal(error), str(error).rstrip(".")
    if code is None:
        advice = "; `backdesk doctor` names the right that the user lacks" if is_denied(error) else ""
        return f"{said or type(error).__name__}{advice}"
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

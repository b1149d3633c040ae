"""All that Redis holds, as it lies there: the names of keys and every value, unpacked where it is packed."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import redis

from backdesk.worker.text.packing import unpacked


def everything(client: redis.Redis, prefix: str) -> str:
    """Return it as one text, to look in for what must not be there."""
    return "\n".join(map(_text, _values(client, prefix)))


def _values(client: redis.Redis, prefix: str) -> Iterator[bytes]:
    for key in client.scan_iter(f"{prefix}*", count=1000):
        yield key
        yield from _flat(_value(client, key))


def _value(client: redis.Redis, key: bytes) -> Any:
    match client.type(key):
        case b"hash":
            return client.hgetall(key).items()
        case b"string":
            return [client.get(key)]
        case b"list":
            return client.lrange(key, 0, -1)
        case b"set":
            return client.smembers(key)
        case b"zset":
            return client.zrange(key, 0, -1)
        case b"none":  # gone meanwhile
            return []
        case other:
            raise NotImplementedError(f"{key!r} is a {other!r}")


def _flat(values: Iterable[Any]) -> Iterator[bytes]:
    for value in values:
        if isinstance(value, tuple):
            yield from value
        elif value is not None:
            yield value


def _text(value: bytes) -> str:
    try:
        return unpacked(value).decode("utf-8", "replace")
    except zlib.error:  # it only begins like what is packed
        return value.decode("utf-8", "replace")

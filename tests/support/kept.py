"""All that Redis keeps under a prefix, as it is at one time: read in a few round trips, and then asked without any."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import redis

from backdesk.worker.store.calls import text

#: How a value is read, by its type. Lists are not looked into.
_READ: dict[str, Callable[[Any, str], object]] = {
    "hash": lambda pipe, name: pipe.hgetall(name),
    "set": lambda pipe, name: pipe.smembers(name),
    "string": lambda pipe, name: pipe.get(name),
    "zset": lambda pipe, name: pipe.zrange(name, 0, -1, withscores=True),
}


class Kept:
    """Keys and their values. Its methods answer as those of a client do; names are text, and values bytes."""

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self.names = sorted(text(name) for name in client.scan_iter(f"{prefix}:*", count=1000))
        types = _each(client, [(lambda pipe, name: pipe.type(name), name) for name in self.names])
        ttls = _each(client, [(lambda pipe, name: pipe.ttl(name), name) for name in self.names])
        read = {name: _READ[text(of)] for name, of in zip(self.names, types, strict=True) if text(of) in _READ}
        values = _each(client, [(how, name) for name, how in read.items()])
        self._ttls: dict[str, int] = dict(zip(self.names, ttls, strict=True))
        self._values = dict(zip(read, map(_by_member, values), strict=True))

    def scan(self, pattern: str) -> Iterator[str]:
        """Give the names that fit a pattern, in which `*` stands for anything."""
        start, fits = pattern.partition("*")[0], _compiled(pattern)
        return (name for name in self.names if name.startswith(start) and fits.fullmatch(name))

    def exists(self, name: str) -> bool:
        return name in self._ttls

    def ttl(self, name: str) -> int:
        """Return the seconds that it has left, -1 where it stays."""
        return self._ttls[name]

    def get(self, name: str) -> bytes | None:
        value: bytes | None = self._values.get(name)
        return value

    def hgetall(self, name: str) -> dict[bytes, bytes]:
        fields: dict[bytes, bytes] = self._values.get(name, {})
        return fields

    def hget(self, name: str, field: str) -> bytes | None:
        return self.hgetall(name).get(field.encode())

    def hmget(self, name: str, *fields: str) -> list[bytes | None]:
        return [self.hget(name, field) for field in fields]

    def hkeys(self, name: str) -> Iterable[bytes]:
        return self.hgetall(name)

    def hexists(self, name: str, field: str) -> bool:
        return self.hget(name, field) is not None

    def zscore(self, name: str, member: str) -> float | None:
        score: float | None = self._values.get(name, {}).get(member.encode())
        return score

    def members(self, name: str) -> list[str]:
        """Return what a set has, a zset in its order."""
        return [text(member) for member in self._values.get(name, ())]


def _each(client: redis.Redis, asked: Sequence[tuple[Callable[[Any, str], object], str]]) -> list[Any]:
    """The answers to all that is asked, in one round trip."""
    with client.pipeline(transaction=False) as pipe:
        for ask, name in asked:
            ask(pipe, name)
        return pipe.execute()


def _by_member(value: Any) -> Any:
    return dict(value) if isinstance(value, list) else value


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*"), re.DOTALL)

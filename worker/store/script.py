"""Lua scripts and typed calls of them.

A `Call` is a value: which script, which arguments, and how to read the answer. Building and reading are pure; only
`run`, `run_async` and the writer speak to Redis. That is what lets one set of transitions serve blocking, asyncio and
pipelined callers.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Generic, TypeVar

import redis
import redis.asyncio
from redis.exceptions import NoScriptError

T = TypeVar("T")
Argument = str | bytes | int

_INCLUDE = re.compile(r"^--!include (\w+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """A script with everything it includes."""

    name: str
    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha", hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest())


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One call of a script, and how its answer reads. Every script of ours may be called twice without harm."""

    script: Script
    arguments: tuple[Argument, ...]
    read: Callable[[Any], T]


@cache
def load_script(name: str) -> Script:
    """Read `lua/<name>.lua` and, before it and each once, the files it includes."""
    return Script(name, "\n".join(_parts(name, [])))


def _parts(name: str, seen: list[str]) -> list[str]:
    if name in seen:
        return []
    seen.append(name)
    text = (files(__package__) / "lua" / f"{name}.lua").read_text(encoding="utf-8")
    included = [part for other in _INCLUDE.findall(text) for part in _parts(other, seen)]
    return [*included, _INCLUDE.sub("", text)]


def run(client: redis.Redis, call: Call[T]) -> T:
    """Make one call and wait for its answer."""
    try:
        return call.read(client.evalsha(call.script.sha, 0, *call.arguments))
    except NoScriptError:
        client.script_load(call.script.text)
        return call.read(client.evalsha(call.script.sha, 0, *call.arguments))


async def run_async(client: redis.asyncio.Redis, call: Call[T]) -> T:
    """Make one call from an event loop."""
    try:
        return call.read(await client.evalsha(call.script.sha, 0, *call.arguments))
    except NoScriptError:
        await client.script_load(call.script.text)
        return call.read(await client.evalsha(call.script.sha, 0, *call.arguments))


def run_pipelined(client: redis.Redis, calls: Sequence[Call[Any]]) -> list[Any]:
    """Make many calls in one round trip; the answer of each is its value, or the exception that it raised."""
    replies = _send(client, calls)
    missing = [index for index, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
    if missing:
        for script in {calls[index].script for index in missing}:
            client.script_load(script.text)
        repeated = _send(client, [calls[index] for index in missing])
        for index, reply in zip(missing, repeated, strict=True):
            replies[index] = reply
    return [
        reply if isinstance(reply, Exception) else call.read(reply) for call, reply in zip(calls, replies, strict=True)
    ]


def _send(client: redis.Redis, calls: Sequence[Call[Any]]) -> list[Any]:
    with client.pipeline(transaction=False) as pipe:
        for call in calls:
            pipe.evalsha(call.script.sha, 0, *call.arguments)
        return pipe.execute(raise_on_error=False)


async def run_pipelined_async(client: redis.asyncio.Redis, calls: Sequence[Call[T]]) -> list[T]:
    """Make many calls of one script in one round trip from an event loop; raises the first error."""
    for script in {call.script for call in calls}:
        if not (await client.script_exists(script.sha))[0]:
            await client.script_load(script.text)
    async with client.pipeline(transaction=False) as pipe:
        for call in calls:
            pipe.evalsha(call.script.sha, 0, *call.arguments)
        replies = await pipe.execute()
    return [call.read(reply) for call, reply in zip(calls, replies, strict=True)]

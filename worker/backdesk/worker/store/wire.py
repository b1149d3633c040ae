"""One connection for the store calls of one thread.

redis-py's pipeline takes locks, builds objects and checks the pool for every round trip; for the writer, whose round
trips are small and many, that was the largest cost of a job. The connection itself is the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from itertools import chain, islice
from typing import Any

import redis
from redis.connection import Connection
from redis.exceptions import NoScriptError, ResponseError

from backdesk.worker.store.connection import is_outage
from backdesk.worker.store.scripts import Call, Script

#: Calls that are made as one, by their place among all.
Group = dict[int, Call[Any]]
#: So many at most: while a script runs, everybody else waits.
MOST_JOINED = 16


class Wire:
    """Sends calls and reads their answers in order. Not safe for use by two threads at once."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._connection: Connection | None = None
        self._loaded: set[Script] = set()

    def exchange(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """Make calls in one round trip, and return the answer of each: see `answers`."""
        answers = dict(self.answers(calls))
        return [answers[number] for number in range(len(calls))]

    def answers(self, calls: Sequence[Call[Any]]) -> Generator[tuple[int, Any], None, None]:
        """Make calls in one round trip, and yield the place and the answer of each as soon as that has come.

        The answer is a call's value, or the error that Redis gave for it. Raises what redis-py raises when the server
        is away; then any number of those without an answer may have been carried out. A call that the server refused
        for now (`connection.refusal`) had no effect; those beside it may have.
        """
        # Loaded ahead, not on demand: a batch whose first script is missing would take effect out of order.
        unknown = {call.script for call in calls} - self._loaded
        loading = [("SCRIPT LOAD", script.text) for script in unknown]
        groups = joined(calls)
        replies = self._replies([*loading, *map(_command, groups)])
        deque(islice(replies, len(loading)), maxlen=0)
        self._loaded |= unknown
        alone: list[int] = []
        for group, reply in zip(groups, replies, strict=True):
            if self._repeats(group, reply):
                alone += group
            else:
                yield from _read(group, reply)
        for number in alone:
            yield number, self.exchange([calls[number]])[0]

    def _repeats(self, group: Group, reply: Any) -> bool:
        """Whether its calls are to be made again, each alone, when all replies have come."""
        if isinstance(reply, NoScriptError):
            self._loaded.clear()  # somebody has flushed the scripts
            return True
        # Of one of them; it has to be the error of its own caller alone.
        return len(group) > 1 and isinstance(reply, ResponseError) and not is_outage(reply)

    def close(self) -> None:
        """Give the connection back. Idempotent."""
        if self._connection is not None:
            self._connection.disconnect()
            self._client.connection_pool.release(self._connection)
            self._connection = None
            self._loaded.clear()  # the next connection may be to another server, or to one that has restarted

    def _replies(self, commands: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
        if self._connection is None:
            self._connection = self._client.connection_pool.get_connection()
        try:
            self._connection.send_packed_command(self._connection.pack_commands(commands))
            for _ in commands:
                yield _receive(self._connection)
        except BaseException:
            # Answers that were not read would be taken for those of the next round trip.
            self.close()
            raise


def joined(calls: Sequence[Call[Any]]) -> list[Group]:
    """Return which calls are made as one, in the order of the first of each."""
    groups: list[Group] = []
    open_groups: dict[Any, Group] = {}
    for number, call in enumerate(calls):
        alike = (call.script.sha, call.arguments[: -call.share]) if call.share else number
        group = open_groups.get(alike)
        if group is None or len(group) == MOST_JOINED:
            group = open_groups[alike] = {}
            groups.append(group)
        group[number] = call
    return groups


def _command(group: Group) -> tuple[Any, ...]:
    first, *others = group.values()
    shares = chain.from_iterable(call.arguments[-call.share :] for call in others)
    return ("EVALSHA", first.script.sha, 0, *first.arguments, *shares)


def _read(group: Group, reply: Any) -> Iterator[tuple[int, Any]]:
    if isinstance(reply, Exception):
        yield from dict.fromkeys(group, reply).items()
        return
    parts = [reply] if len(group) == 1 else [[part] for part in reply]
    for (number, call), part in zip(group.items(), parts, strict=True):
        try:
            answer = call.read(part)
        except Exception as error:  # noqa: BLE001 - what one caller cannot read must not reach the others of the batch
            answer = error
        yield number, answer


def _receive(connection: Connection) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error

"""One connection for the store calls of one thread.

redis-py's pipeline takes locks, builds objects and checks the pool for every round trip; for the writer, whose round
trips are small and many, that was the largest cost of a job. The connection itself is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
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
        """Make calls in one round trip; the answer of each is its value, or the error that Redis gave for it.

        Raises what redis-py raises when the server is away; then any number of the calls may have been carried out.
        A call that the server refused for now (`connection.refusal`) had no effect; those beside it may have.
        """
        # Loaded ahead, not on demand: a batch whose first script is missing would take effect out of order.
        unknown = {call.script for call in calls} - self._loaded
        loading = [("SCRIPT LOAD", script.text) for script in unknown]
        groups = joined(calls)
        replies = self._send([*loading, *map(_command, groups)])
        self._loaded |= unknown
        answers: dict[int, Any] = {}
        for group, reply in zip(groups, replies[len(loading) :], strict=True):
            answers |= self._answers(group, reply)
        return [answers[number] for number in range(len(calls))]

    def _answers(self, group: Group, reply: Any) -> dict[int, Any]:
        if len(group) == 1:
            ((number, call),) = group.items()
            return {number: self._read(call, reply)}
        if isinstance(reply, ResponseError) and not is_outage(reply):
            # Of one of them, or of scripts that were flushed; what it is has to be the error of its own caller alone.
            return {number: self.exchange([call])[0] for number, call in group.items()}
        parts = [reply] * len(group) if isinstance(reply, Exception) else [[part] for part in reply]
        return {number: self._read(call, part) for (number, call), part in zip(group.items(), parts, strict=True)}

    def _read(self, call: Call[Any], answer: Any) -> Any:
        if isinstance(answer, NoScriptError):
            self._loaded.clear()  # somebody has flushed the scripts
            return self.exchange([call])[0]
        if isinstance(answer, ResponseError):
            return answer
        try:
            return call.read(answer)
        except Exception as error:  # noqa: BLE001 - what one caller cannot read must not reach the others of the batch
            return error

    def close(self) -> None:
        """Give the connection back. Idempotent."""
        if self._connection is not None:
            self._connection.disconnect()
            self._client.connection_pool.release(self._connection)
            self._connection = None
            self._loaded.clear()  # the next connection may be to another server, or to one that has restarted

    def _send(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        if self._connection is None:
            self._connection = self._client.connection_pool.get_connection()
        try:
            self._connection.send_packed_command(self._connection.pack_commands(commands))
            return [_receive(self._connection) for _ in commands]
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


def _receive(connection: Connection) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error

"""One connection for the store calls of one thread.

redis-py's pipeline takes locks, builds objects and checks the pool for every round trip; for the writer, whose round
trips are small and many, that was the largest cost of a job. The connection itself is the same.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any, TypeVar

import redis
from hiredis import pack_command
from redis.connection import Connection
from redis.exceptions import NoScriptError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from backdesk.worker.store.connection import is_outage
from backdesk.worker.store.following import descriptor_of
from backdesk.worker.store.groups import Group, joined
from backdesk.worker.store.scripts import Call, Script

T = TypeVar("T")

#: What a socket takes at once when all before it has arrived, in bytes.
TAKEN_AT_ONCE = 32 * 1024
#: In place of a call: nothing more has come yet.
NOT_YET = -1
_NOTHING = object()
#: What comes from a call that is made: its place, and its answer.
Answers = Generator[tuple[int, Any], None, T]


class WouldWait(Exception):
    """Calls could not be sent without waiting, and were not."""


class Wire:
    """Sends calls and reads their answers in order. Not safe for use by two threads at once.

    Between round trips another thread may go on with it.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._connection: Connection | None = None
        self._loaded: set[Script] = set()

    def exchange(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """Make calls in one round trip, and return the answer of each: see `answers`."""
        answers = dict(self.answers(calls))
        return [answers[number] for number in range(len(calls))]

    def answers(self, calls: Sequence[Call[Any]], *, waits: bool = True) -> Answers[None]:
        """Make calls in one round trip, and yield the place and the answer of each as soon as that has come.

        The answer is a call's value, or the error that Redis gave for it. Raises what redis-py raises when the server
        is away; then any number of those without an answer may have been carried out. A call that the server refused
        for now (`connection.refusal`) had no effect; those beside it may have. Raises, too, the
        error that Redis gave for loading a script; then any number of the calls of other scripts may have been made.

        If it may not wait it yields NOT_YET, to be asked again when `fileno` is readable; it raises WouldWait, and
        sends nothing, where it cannot send all at once. Closed before its end it closes the connection.
        """
        # Loaded ahead, not on demand: a batch whose first script is missing would take effect out of order.
        groups = joined(calls)
        making = [group.command() for group in groups]
        unknown = {script for script, _ in making} - self._loaded
        loading = [("SCRIPT", "LOAD", script.text) for script in unknown]
        evaluating = [("EVALSHA", script.sha, 0, *arguments) for script, arguments in making]
        replies = self._replies([*loading, *evaluating], waits=waits)
        for _ in loading:
            loaded = yield from _arrived(replies)
            if isinstance(loaded, Exception):
                raise loaded  # without its script each call would be repeated for ever
        self._loaded |= unknown
        alone: list[int] = []
        for group in groups:
            reply = yield from _arrived(replies)
            if self._repeats(group, reply):
                alone += group.calls
            else:
                yield from _read(group, reply)
        for number in alone:
            for place, answer in self.answers([calls[number]], waits=waits):
                if isinstance(answer, Exception) and is_outage(answer):
                    raise answer  # those behind it in its chain are not to be made before it
                yield NOT_YET if place == NOT_YET else number, answer

    def fileno(self) -> int:
        """Return the descriptor of the connection, -1 while none is open."""
        return -1 if self._connection is None else descriptor_of(self._connection)

    def _repeats(self, group: Group, reply: Any) -> bool:
        """Whether its calls are to be made again, each alone, when all replies have come."""
        if isinstance(reply, NoScriptError):
            self._loaded.clear()  # somebody has flushed the scripts
            return True
        # Of one of them; it has to be the error of its own caller alone.
        return len(group.calls) > 1 and isinstance(reply, ResponseError) and not is_outage(reply)

    def close(self) -> None:
        """Give the connection back. Idempotent."""
        if self._connection is not None:
            self._connection.disconnect()
            self._client.connection_pool.release(self._connection)
            self._connection = None
            self._loaded.clear()  # the next connection may be to another server, or to one that has restarted

    def _replies(self, commands: Sequence[tuple[Any, ...]], *, waits: bool) -> Iterator[Any]:
        if waits and self._connection is None:
            self._connection = self._client.connection_pool.get_connection()
        connection, left = self._connection, len(commands)
        if connection is None or (not waits and not connection.is_connected):
            raise WouldWait
        # As redis-py's own packer, which looks at each argument first: a tenth of what a small call takes.
        packed = [pack_command(command) for command in commands]
        if not waits and sum(map(len, packed)) > TAKEN_AT_ONCE:
            raise WouldWait
        try:
            # A check of its health would wait, and finds no more than the silence after these commands does.
            connection.send_packed_command([b"".join(packed)], check_health=waits)
            if not waits:
                yield _NOTHING  # so soon
            while left:
                reply = _receive(connection, waits=waits)
                left -= reply is not _NOTHING
                yield reply
        finally:
            if left:
                # Answers that were not read would be taken for those of the next round trip.
                self.close()


def _arrived(replies: Iterator[Any]) -> Answers[Any]:
    """Return the next reply; yields NOT_YET until it has come."""
    while (reply := next(replies)) is _NOTHING:
        yield NOT_YET, None
    return reply


def _read(group: Group, reply: Any) -> Iterator[tuple[int, Any]]:
    if isinstance(reply, Exception):
        yield from dict.fromkeys(group.calls, reply).items()
        return
    for (number, call), part in zip(group.calls.items(), group.parts(reply), strict=True):
        try:
            answer = call.read(part)
        except Exception as error:  # noqa: BLE001 - what one caller cannot read must not reach the others of the batch
            answer = error
        yield number, answer


def _receive(connection: Connection, *, waits: bool) -> Any:
    try:
        return connection.read_response() if waits else connection.read_response(timeout=0, disconnect_on_error=False)
    except ResponseError as error:
        return error
    except RedisTimeoutError:
        if waits:
            raise
        return _NOTHING

"""One connection for the store calls of one thread.

redis-py's pipeline takes locks, builds objects and checks the pool for every round trip; for the writer, whose round
trips are small and many, that was the largest cost of a job. The connection itself is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis
from redis.connection import Connection
from redis.exceptions import NoScriptError, ResponseError

from backdesk.worker.store.scripts import Call, Script


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
        replies = self._send([*loading, *(("EVALSHA", call.script.sha, 0, *call.arguments) for call in calls)])
        self._loaded |= unknown
        answers = replies[len(loading) :]
        return [self._read(call, answer) for call, answer in zip(calls, answers, strict=True)]

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


def _receive(connection: Connection) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error

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

from worker.store.script import Call, Script


class Wire:
    """Sends calls and reads their answers in order. Not safe for use by two threads at once."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._connection: Connection | None = None

    def exchange(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """Make calls in one round trip; the answer of each is its value, or the error that Redis gave for it.

        Raises what redis-py raises when the server is away; then any number of the calls may have been carried out.
        """
        replies = self._send([("EVALSHA", call.script.sha, 0, *call.arguments) for call in calls])
        missing = [n for n, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if missing:
            self._load({calls[n].script for n in missing})
            repeated = self._send([("EVALSHA", calls[n].script.sha, 0, *calls[n].arguments) for n in missing])
            for n, reply in zip(missing, repeated, strict=True):
                replies[n] = reply
        return [r if isinstance(r, ResponseError) else call.read(r) for call, r in zip(calls, replies, strict=True)]

    def close(self) -> None:
        """Give the connection back. Idempotent."""
        if self._connection is not None:
            self._connection.disconnect()
            self._client.connection_pool.release(self._connection)
            self._connection = None

    def _load(self, scripts: set[Script]) -> None:
        self._send([("SCRIPT LOAD", script.text) for script in scripts])

    def _send(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        if self._connection is None:
            self._connection = self._client.connection_pool.get_connection()
        try:
            self._connection.send_packed_command(self._connection.pack_commands(commands))
            return [self._read(self._connection) for _ in commands]
        except BaseException:
            # Answers that were not read would be taken for those of the next round trip.
            self.close()
            raise

    @staticmethod
    def _read(connection: Connection) -> Any:
        try:
            return connection.read_response()
        except ResponseError as error:
            return error

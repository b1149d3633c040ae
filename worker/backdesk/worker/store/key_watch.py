"""A look at keys, and a wait until one of them changes.

The server tells who has read a key when it next changes (`CLIENT TRACKING`, made for caches of clients), so that nobody
has to ask it again and again. Where it does not, as by RESP2 or for want of the right, each wait is a short one.
"""

from __future__ import annotations

import math
import socket
import time
from contextlib import suppress
from selectors import EVENT_READ, DefaultSelector
from typing import Any
from weakref import finalize

import redis
from redis.connection import Connection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

#: Unless said otherwise, keys that change all the time, or of which nobody tells, are looked at this often. Seconds.
LOOK_AGAIN_S = 0.05
#: To wait longer would leave a connection that has died unnoticed. Seconds.
LONGEST_WAIT_S = 2.0


class KeyWatch:
    """For one thread, which reads and waits. Any thread may `set` it, which ends the wait as that of an `Event`."""

    def __init__(self, client: redis.Redis, at_most_every_s: float = LOOK_AGAIN_S) -> None:
        self._client = client
        self._rest_s = at_most_every_s
        self._connection: Connection | None = None
        #: Whether the server tells of changes.
        self.told = False
        self._read_at = -math.inf
        self._setter, self._flag = socket.socketpair()
        for end in (self._setter, self._flag):
            end.setblocking(False)
            finalize(self, end.close)

    def read(self, *commands: tuple[Any, ...]) -> list[Any]:
        """Read keys in one round trip; a change of one of them from now on ends the next wait.

        Raises what redis-py raises.
        """
        self._read_at = time.monotonic()
        try:
            connection = self._connected()
            connection.send_packed_command(connection.pack_commands(commands))
            return [connection.read_response() for _ in commands]
        except BaseException:
            self.close()  # there may be answers to come
            raise

    def wait(self, seconds: float) -> None:
        """Wait until a key has changed or this is set, so long at most. The next look is due then, and not sooner."""
        early_s = self._read_at + self._rest_s - time.monotonic()
        if early_s > 0 and self._readable(early_s, self._flag):
            return
        connection = self._connection
        if connection is None:
            self._readable(seconds, self._flag)
        elif self.told:
            self._wait_for_word(connection, seconds)

    def _wait_for_word(self, connection: Connection, seconds: float) -> None:
        try:
            # What it says is passed over when the next answer is read.
            if not connection.can_read(0) and self._readable(seconds, self._flag, connection._sock):  # noqa: SLF001 - redis-py waits for one socket alone
                connection.can_read(0)
        except RedisConnectionError:
            self.close()  # by the server; the next look connects anew

    def set(self) -> None:
        """End the wait at hand, or the next one. Safe to call from any thread."""
        with suppress(BlockingIOError):  # it is set many times over
            self._setter.send(b"!")

    def clear(self) -> None:
        """Forget that it was set."""
        with suppress(BlockingIOError):
            while self._flag.recv(1024):
                pass

    def close(self) -> None:
        """Give the connection back. Idempotent; for the thread that reads."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.deregister_connect_callback(self._ask_to_be_told)
            connection.disconnect()
            self._client.connection_pool.release(connection)

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._client.connection_pool.get_connection()
            self._connection.register_connect_callback(self._ask_to_be_told)
            self._ask_to_be_told(self._connection)
        else:
            self._connection.connect()
        return self._connection

    def _ask_to_be_told(self, connection: Connection) -> None:
        connection.send_command("CLIENT", "TRACKING", "ON")
        try:
            connection.read_response()
            # By RESP2 it agrees, and says nothing.
            self.told = connection.get_protocol() in {3, "3"}
        except ResponseError:
            self.told = False

    @staticmethod
    def _readable(seconds: float, *sockets: Any) -> bool:
        with DefaultSelector() as selector:
            for each in sockets:
                selector.register(each, EVENT_READ)
            return bool(selector.select(seconds))

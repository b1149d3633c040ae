"""The connections to one PostgreSQL that a process keeps open between queries."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from backdesk.tools.database.refused import Refused

#: How a connection is made: an address that does not answer holds nobody up, nor does a server that is gone. Seconds.
_CONNECT: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}

Connection = psycopg.Connection[Any]


class Connections:
    """Up to `most` connections, each lent to one query at a time. Across a fork each process has its own."""

    def __init__(self, url: str, most: int) -> None:
        self._url = url
        self._turn = threading.BoundedSemaphore(most)
        self._free: list[Connection] = []
        self._pid = os.getpid()
        self._parents: list[list[Connection]] = []
        self.close = weakref.finalize(self, _close, self._free, self._pid)

    @contextmanager
    def one(self, patience_s: float) -> Iterator[Connection]:
        """Lend a connection that answers. Raises Refused when none is free in time, and psycopg.OperationalError."""
        if not self._turn.acquire(timeout=patience_s):
            raise Refused("the database is busy with other queries: ask again later")
        try:
            connection = self._taken()
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._turn.release()

    def _taken(self) -> Connection:
        if self._pid != os.getpid():
            self._begin_anew()
        while self._free:
            connection = self._free.pop()
            if _answers(connection):
                return connection
        connection = psycopg.connect(self._url, **_CONNECT)
        connection.read_only = True
        connection.prepare_threshold = None
        return connection

    def _begin_anew(self) -> None:
        # What a parent has opened is the parent's: it is kept here, as to forget it would be to end it there.
        self._parents.append(self._free)
        self._free, self._pid = [], os.getpid()
        self.close = weakref.finalize(self, _close, self._free, self._pid)

    def _give_back(self, connection: Connection) -> None:
        if connection.closed or connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            connection.close()
        else:
            self._free.append(connection)


def _answers(connection: Connection) -> bool:
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except psycopg.Error:
        with suppress(psycopg.Error):
            connection.close()
        return False
    return True


def _close(free: list[Connection], pid: int) -> None:
    while free and pid == os.getpid():
        free.pop().close()

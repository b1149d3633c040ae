"""Private Redis servers for tests, one at a time: a server that a test leaves as it found it serves the next one.

To start one takes longer than most tests do. A server is as it was if it is the same process with the same settings and
users, keeps no writes for a replica, and nobody is connected any more who could write to it later; then it is emptied,
but for the scripts that it has loaded, which say the same for ever. Any other one is given up.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import redis

from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.store.connection import connect


class Servers:
    """The servers of one process of the tests. `retire` ends a server that is not wanted any more."""

    def __init__(self, retire: Callable[[EmbeddedRedis], object]) -> None:
        self._retire = retire
        self._idle: list[tuple[EmbeddedRedis, Any]] = []
        self._taken: dict[EmbeddedRedis, Any] = {}

    def take(self) -> EmbeddedRedis:
        """Return a server that is empty and nobody else's."""
        server, state = self._idle.pop() if self._idle else self._begin()
        self._taken[server] = state
        return server

    def give_back(self, server: EmbeddedRedis) -> None:
        """Keep a server for the next test, or end it."""
        state = self._taken.pop(server)
        with suppress(redis.RedisError, OSError), connect(server.url, 1) as client:
            if _state(client) == state and len(client.client_list()) == 1:
                client.pipeline(transaction=False).flushall().config_resetstat().execute()
                self._idle.append((server, state))
                return
        self._retire(server)

    def close(self) -> None:
        """End all servers that wait for a test."""
        while self._idle:
            self._retire(self._idle.pop()[0])

    def _begin(self) -> tuple[EmbeddedRedis, Any]:
        server = EmbeddedRedis().start()
        with connect(server.url) as client:
            return server, _state(client)


def _state(client: redis.Redis) -> Any:
    asked: Any = client.pipeline(transaction=False)  # its methods give it back, which its types do not say
    server, replication, settings, users = asked.info("server").info("replication").config_get("*").acl_list().execute()
    return server["run_id"], replication["repl_backlog_active"], settings, users  # a backlog grows for an hour

"""The Redis of a run: a real one that keeps every write, and can be restarted, killed and frozen."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from random import Random

import redis
from redis.exceptions import RedisError

from backdesk.worker.embedded.server import EmbeddedRedis

#: Answered means on disk. With `everysec` Redis may answer before it has handed the write to the system, and a Redis
#: that is killed may then forget what it has acknowledged: no job system on top could help that.
FSYNC = "always"


class Server:
    """An embedded Redis with an append-only file, always on the same port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._redis = EmbeddedRedis(folder)
        self._frozen = False

    def start(self) -> None:
        """Start it, with all that it has kept."""
        self._redis.start()
        with redis.Redis.from_url(self.url) as client:
            client.config_set("appendfsync", FSYNC)

    @property
    def url(self) -> str:
        return self._redis.url

    @property
    def port(self) -> int:
        return self._redis.port

    def restart(self) -> None:
        """Stop it in good order and start it again."""
        self.thaw()
        self._again()

    def kill(self) -> None:
        """Kill it and start it again."""
        self.thaw()
        os.kill(self._redis.pid, signal.SIGKILL)
        self._again()

    def _again(self) -> None:
        port = self._redis.port
        self._redis.stop()
        self._redis = EmbeddedRedis(self._folder, port=port)
        self.start()
        if self.port != port:
            raise RuntimeError(f"port {port} was taken by another process while Redis restarted: run it again")

    def freeze(self) -> None:
        """Suspend it: connections stay open, and nobody answers."""
        os.kill(self._redis.pid, signal.SIGSTOP)
        self._frozen = True

    def thaw(self) -> None:
        """Let it go on. Idempotent."""
        if self._frozen:
            os.kill(self._redis.pid, signal.SIGCONT)
            self._frozen = False

    def drop_connections(self, pick: float) -> int:
        """Close half of all connections, and return how many."""
        dropped = 0
        with suppress(RedisError), redis.Redis.from_url(self.url, socket_timeout=2) as client:
            own = client.client_id()
            others = sorted(int(each["id"]) for each in client.client_list() if int(each["id"]) != own)
            for connection in Random(pick).sample(others, len(others) // 2):
                dropped += bool(client.client_kill_filter(_id=str(connection)))
        return dropped

    def stop(self) -> None:
        """Stop it for good. Idempotent."""
        self.thaw()
        self._redis.stop()

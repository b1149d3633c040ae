"""A Redis that forgets its newest writes, as one does that is killed before they are on its disk."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.store.connection import connect
from tests.support.ports import hold


class ForgetfulRedis:
    """A server with an append-only file; what is `kept` of it is what a kill leaves."""

    def __init__(self, folder: Path, fsync: str = "everysec") -> None:
        self._folder = folder
        self._fsync = fsync
        self._server = EmbeddedRedis(folder)
        self._size = 0

    def __enter__(self) -> ForgetfulRedis:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    @property
    def url(self) -> str:
        return self._server.url

    def keep(self) -> None:
        """Have all that is written so far outlive the server, and nothing that comes after it."""
        with connect(self.url) as client:
            client.config_set("appendfsync", "always")
            client.incr("written")  # answered when it is on disk, and all before it
            self._size = self._file.stat().st_size
            client.delete("written")
            client.config_set("appendfsync", self._fsync)

    def lose(self) -> None:
        """Kill the server, and start it with what was kept, on the same port."""
        with self.away():
            pass

    @contextmanager
    def away(self) -> Iterator[None]:
        """A killed server within the block, and then one with what was kept, on the same port."""
        port = self._server.port
        os.kill(self._server.pid, signal.SIGKILL)
        self._server.stop()
        os.truncate(self._file, self._size)
        with hold(port):
            yield
            self._server = EmbeddedRedis(self._folder, port=port)
            self._start()
        assert self._server.port == port

    @property
    def _file(self) -> Path:
        return next(self._folder.glob("appendonlydir/*.incr.aof"), self._folder / "appendonly.aof")

    def _start(self) -> None:
        self._server.start()
        with redis.Redis.from_url(self.url) as client:
            client.config_set("appendfsync", self._fsync)

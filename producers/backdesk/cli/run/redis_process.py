"""The private Redis of `backdesk up` as a part that is supervised: it keeps its folder and its port."""

from __future__ import annotations

import os
from pathlib import Path

from backdesk.cli.run.child import TAIL_LINES
from backdesk.worker.embedded.server import EmbeddedRedis


class RedisProcess:
    """A Redis whose data stays in `<data_dir>/redis`, announced to the commands of this folder."""

    name = "redis"
    ending = "ended"
    patience_s = 0.0  # its end is waited for where it is asked for

    def __init__(self, data_dir: Path, port: int | None) -> None:
        self.log = data_dir / "redis" / "redis.log"
        self.url = ""
        self._data_dir = data_dir
        self._port = port
        self._server: EmbeddedRedis | None = None

    @property
    def running(self) -> bool:
        """Whether the server process is there."""
        if self._server is None:
            return False
        try:
            os.kill(self._server.pid, 0)
        except (ProcessLookupError, RuntimeError):
            return False
        return True

    def start(self) -> None:
        """Start the server, again on the same port if that is free, and announce its address."""
        self.kill()
        self._server = EmbeddedRedis(self._data_dir / "redis", port=self._port).start()
        self._port, self.url = self._server.port, self._server.url
        self._server.announce(self._data_dir)

    def tail(self) -> str:
        """Return the last lines of the server's log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
        except OSError:
            return ""

    def ask_to_stop(self) -> None:
        """Stop the server and wait until its data is on disk. Idempotent."""
        self.kill()

    def kill(self) -> None:
        """Stop the server. Idempotent."""
        if self._server is not None:
            self._server.stop()
            self._server = None

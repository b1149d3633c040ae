"""The private Redis of a test process: started by the first bench, shared by all, gone with the process."""

from __future__ import annotations

import atexit
import os
import threading

from backdesk.worker.embedded.server import EmbeddedRedis

_lock = threading.Lock()
_shared: tuple[int, EmbeddedRedis] | None = None


def shared_server() -> EmbeddedRedis:
    """Return this process's server; a forked child has its own. Raises ConfigurationError when none is installed."""
    global _shared  # noqa: PLW0603 - one a process is the point: a start takes longer than most tests
    with _lock:
        if _shared is None or _shared[0] != os.getpid():
            server = EmbeddedRedis().start()
            _shared = (os.getpid(), server)
            atexit.register(_stop, os.getpid(), server)
        return _shared[1]


def _stop(owner: int, server: EmbeddedRedis) -> None:
    if owner == os.getpid():  # a forked child inherits what is to be done at exit, but not the server
        server.stop()

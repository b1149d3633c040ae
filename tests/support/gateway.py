"""Gateways in tests: within this process, quick to start; or processes of their own, to be killed."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import httpx2
import uvicorn

from backdesk.client.deployment import Deployment
from backdesk.gateway.serving import config_of
from backdesk.gateway.settings import GatewaySettings
from backdesk.worker.settings import Settings
from tests.support.eventually import eventually
from tests.support.ports import hold
from tests.support.workers import environment


@contextmanager
def serving(settings: Settings, **options: Any) -> Iterator[str]:
    """Serve a deployment within this process, on a thread and event loop of its own; gives the address."""
    given = GatewaySettings(**{"_env_file": None, **options})
    server = uvicorn.Server(config_of(given, Deployment(settings, "of the test"), log_level="warning"))
    with hold() as held:
        thread = threading.Thread(target=server.run, args=([held],), daemon=True)
        thread.start()
        try:
            eventually(lambda: server.started)
            yield f"http://127.0.0.1:{held.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


class GatewayProcess:
    """`backdesk gateway` as a process, on a port that stays the same when it is started again."""

    def __init__(self, settings: Settings, folder: Path, **env: str) -> None:
        self._held = hold()
        self._environment = environment(settings, **env)
        self._log = folder / "gateway.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = self._held.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._held.close()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "backdesk.cli", "gateway", "--port", str(self.port)]
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        eventually(self._answers, what=f"an answer of the gateway, whose log is {self._log}")

    def kill(self) -> None:
        """Kill it as the machine would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait()

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        # A client of HTTP takes more CPU to be made than the gateway has while it starts.
        with suppress(OSError, httpx2.HTTPError):
            socket.create_connection(("127.0.0.1", self.port)).close()
            return httpx2.get(f"{self.url}/healthz", trust_env=False).status_code == 200
        return False

"""A real Sentinel that watches a primary and its replicas, and fails over."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis

from backdesk.worker.embedded.server import EmbeddedRedis, find_server
from tests.support.eventually import eventually
from tests.support.ports import hold

SERVICE = "desk"
PASSWORD = "watch"


class Sentinel:
    """Watches `primary`, which has a replica. It asks for a password, as those of a deployment should."""

    def __init__(self, folder: Path, primary: EmbeddedRedis) -> None:
        self._held = hold()
        self.port: int = self._held.getsockname()[1]
        self._config = folder / "sentinel.conf"
        self._config.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {folder}\nrequirepass {PASSWORD}\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {primary.port} 1\n"
            f"sentinel down-after-milliseconds {SERVICE} 1000\nsentinel failover-timeout {SERVICE} 5000\n"
        )
        self._log = folder / "sentinel.log"

    @property
    def url(self) -> str:
        """Of what it watches. The first Sentinel that it names is away."""
        return f"sentinel://127.0.0.1:1,127.0.0.1:{self.port}/{SERVICE}/0?sentinel_password={PASSWORD}"

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen([find_server(), self._config, "--sentinel"], stdout=log, stderr=log)
        self._client = redis.Redis(port=self.port, password=PASSWORD, socket_timeout=5)
        eventually(self._knows_a_replica, what="a Sentinel that knows the replica")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()
        self._process.kill()
        self._process.wait()
        self._held.close()

    def fail_over(self) -> None:
        """Have the replica become the primary, and wait until new connections are led there."""
        before = self.primary_port
        eventually(self._begins_to, what="a Sentinel that is willing to fail over")
        eventually(lambda: self.primary_port != before, what="a failover")

    @property
    def primary_port(self) -> int:
        state: Any = self._client.sentinel_master(SERVICE)
        return int(state["port"])

    def _knows_a_replica(self) -> bool:
        with suppress(redis.RedisError):
            return bool(self._client.sentinel_slaves(SERVICE))
        return False

    def _begins_to(self) -> bool:
        with suppress(redis.RedisError):
            return bool(self._client.execute_command("SENTINEL", "FAILOVER", SERVICE))
        return False

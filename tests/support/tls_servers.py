"""Servers and a Sentinel that speak nothing but TLS themselves, where the server program was built with it."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis

from backdesk.worker.embedded.server import find_server
from tests.support.eventually import eventually
from tests.support.ports import hold
from tests.support.tls import Certificates

SERVICE = "desk"


def speaks_tls() -> bool:
    """Whether the server program was built with TLS: only then it says that it misses certificates."""
    command = [str(find_server()), "--port", "0", "--tls-port", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    return "Failed to configure TLS" in done.stdout + done.stderr


class TLSServer:
    """A server program with a configuration, for callers with a certificate."""

    def __init__(self, folder: Path, name: str, certificates: Certificates, *settings: str) -> None:
        self._held = hold()
        self.port: int = self._held.getsockname()[1]
        self._certificates = certificates
        self._config, self._log = folder / f"{name}.conf", folder / f"{name}.log"
        certificate, key = certificates.server
        lines = (
            f"port 0\ntls-port {self.port}\nbind 127.0.0.1\ndir {folder}\ntls-replication yes",
            f"tls-cert-file {certificate}\ntls-key-file {key}\ntls-ca-cert-file {certificates.authority}",
            *settings,
        )
        self._config.write_text("\n".join(lines) + "\n")

    def start(self, *options: str) -> Self:
        """Start it, and wait until it answers."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen([find_server(), self._config, *options], stdout=log, stderr=log)
        self.client = redis.Redis.from_url(self.url, socket_timeout=5)
        eventually(self._answers, what=f"a server: {self._log.read_text()}")
        return self

    def kill(self) -> None:
        """End it at once. Idempotent."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.client.close()
        self.kill()
        self._held.close()

    @property
    def url(self) -> str:
        """Of this server alone."""
        return f"rediss://127.0.0.1:{self.port}/0?{self.query}"

    @property
    def query(self) -> str:
        """What every URL says of the certificates."""
        certificate, key = self._certificates.client
        return f"ssl_ca_certs={self._certificates.authority}&ssl_certfile={certificate}&ssl_keyfile={key}"

    def _answers(self) -> bool:
        with suppress(redis.RedisError):
            return bool(self.client.ping())
        return False


class TLSSentinel(TLSServer):
    """A Sentinel that watches a primary and its replica, all by TLS."""

    def __init__(self, folder: Path, certificates: Certificates, primary: TLSServer) -> None:
        watched = f"sentinel monitor {SERVICE} 127.0.0.1 {primary.port} 1"
        times = f"sentinel down-after-milliseconds {SERVICE} 1000\nsentinel failover-timeout {SERVICE} 5000"
        super().__init__(folder, "sentinel", certificates, watched, times)

    def start(self, *options: str) -> Self:
        """Start it, and wait until it knows the replica."""
        super().start("--sentinel", *options)
        eventually(lambda: bool(self._replicas()), what="a Sentinel that knows the replica")
        return self

    @property
    def service_url(self) -> str:
        """Of what it watches."""
        return f"sentinels://127.0.0.1:{self.port}/{SERVICE}/0?{self.query}"

    def _replicas(self) -> Any:
        with suppress(redis.RedisError):
            return self.client.sentinel_slaves(SERVICE)
        return None

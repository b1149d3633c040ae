"""A primary and its replica behind one address, as a managed Redis, a VIP or a DNS name has them."""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import redis
from redis.exceptions import RedisError

from backdesk.client import JobClient
from backdesk.client.errors import StoreUnavailable
from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.store.connection import connect
from tests.support.eventually import eventually
from tests.support.proxy import Proxy


def submit_until_taken(jobs: JobClient, kind: str, job_id: str) -> None:
    """Submit a job, again and again while there is no primary."""

    def taken() -> bool:
        try:
            jobs.submit(kind, {}, job_id=job_id)
        except StoreUnavailable:
            return False
        return True

    eventually(taken, what="a new primary")


class Pair:
    """Two real servers; `url` leads to the one that is the primary, connections that exist stay where they are."""

    def __init__(self, primary: EmbeddedRedis, replica: EmbeddedRedis) -> None:
        self.primary, self.replica = primary, replica
        self._proxy = Proxy(primary.port)

    def __enter__(self) -> Self:
        self._follow(self.replica, self.primary)
        self._proxy.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._proxy.__exit__(kind, error, at)

    @property
    def url(self) -> str:
        """The address that workers and clients know."""
        return self._proxy.url

    def demote(self) -> None:
        """Begin a switch: the primary takes no more writes, and its replica none yet.

        The old primary follows nobody, so that its answers stay what they are: no copy of the new one's data makes it
        drop its connections.
        """
        with connect(self.primary.url) as old:
            old.execute_command("REPLICAOF", "127.0.0.1", "1")

    def promote(self) -> None:
        """End it: the replica is the primary, and new connections lead there."""
        with connect(self.replica.url) as new:
            new.execute_command("REPLICAOF", "NO", "ONE")
        self.primary, self.replica = self.replica, self.primary
        self._proxy.lead_to(self.primary.port)

    def _follow(self, replica: EmbeddedRedis, primary: EmbeddedRedis) -> None:
        for server in (replica, primary):
            with connect(server.url) as client:
                client.config_set("repl-diskless-sync-delay", 0)
        with connect(replica.url) as client:
            client.execute_command("REPLICAOF", "127.0.0.1", str(primary.port))
        self.in_step()

    def in_step(self) -> None:
        """Wait until the replica has all that its primary has."""
        eventually(self._is_in_step, what="a replica that has all that its primary has")

    def _is_in_step(self) -> bool:
        with suppress(RedisError), connect(self.primary.url) as primary, connect(self.replica.url) as replica:
            there, here = replication(primary), replication(replica)
            linked = here.get("master_link_status") == "up" and not here.get("master_sync_in_progress")
            return bool(linked and here["slave_repl_offset"] >= there["master_repl_offset"] - 64)
        return False  # it does not answer while it copies


def replication(client: redis.Redis) -> dict[str, Any]:
    """What a server says of its part."""
    return dict(client.info("replication"))

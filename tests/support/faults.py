"""Faults of a real Redis that answers, but refuses what it is asked."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import redis
from redis.exceptions import ResponseError

from backdesk.worker.embedded.server import EmbeddedRedis
from backdesk.worker.store.connection import connect
from tests.support.eventually import eventually

#: Commands that bring a fault about and that end it, by the code with which Redis then refuses.
REFUSING: dict[str, tuple[list[str], list[str]]] = {
    "OOM": (["CONFIG SET maxmemory 1"], ["CONFIG SET maxmemory 0"]),
    "READONLY": (["REPLICAOF 127.0.0.1 1"], ["REPLICAOF NO ONE"]),
    "MASTERDOWN": (
        ["CONFIG SET replica-serve-stale-data no", "REPLICAOF 127.0.0.1 1"],
        ["REPLICAOF NO ONE"],
    ),
    "NOREPLICAS": (["CONFIG SET min-replicas-to-write 1"], ["CONFIG SET min-replicas-to-write 0"]),
}
FAULTS = [*REFUSING, "BUSY"]


@contextmanager
def refusing(url: str, code: str) -> Iterator[None]:
    """A server that refuses with this code, within the block."""
    with connect(url) as client:
        if code == "BUSY":
            with _busy(client):
                yield
            return
        begin, end = REFUSING[code]
        for command in begin:
            client.execute_command(command)
        try:
            yield
        finally:
            for command in end:
                client.execute_command(command)


@contextmanager
def _busy(client: redis.Redis) -> Iterator[None]:
    client.config_set("lua-time-limit", "10")
    # Connected before: while it is busy the server does not even let anybody in.
    with client.client() as inside:
        spinning = threading.Thread(target=_said, args=(lambda: client.eval("while true do end", 0),))
        spinning.start()
        eventually(lambda: _said(inside.ping) == "BUSY", what="a script that holds the server up")
        try:
            yield
        finally:
            inside.execute_command("SCRIPT", "KILL")
            spinning.join()


def _said(ask: Callable[[], object]) -> str:
    """What Redis answers with: the first word of an error."""
    try:
        ask()
    except ResponseError as error:
        return str(error).partition(" ")[0]
    return ""


@contextmanager
def frozen(server: EmbeddedRedis) -> Iterator[None]:
    """A server that keeps its connections and answers nobody, within the block."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


@contextmanager
def replica_of(url: str) -> Iterator[EmbeddedRedis]:
    """A server that has all that another one has, and gets what comes to it."""
    host, _, port = url.removeprefix("redis://").removesuffix("/0").partition(":")
    with EmbeddedRedis() as server, connect(server.url) as replica, connect(url) as primary:
        replica.execute_command("REPLICAOF", host, port)
        eventually(lambda: primary.info("replication")["connected_slaves"] == 1, what="the connection of the replica")
        eventually(lambda: replica.info("replication")["master_link_status"] == "up", what="the copy of the replica")
        yield server

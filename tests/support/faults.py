"""Faults of a real Redis that answers, but refuses what it is asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import redis
from redis.exceptions import ResponseError

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

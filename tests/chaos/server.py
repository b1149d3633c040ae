"""The Redis of a run: a real one that keeps every write, and can be restarted, killed, frozen and succeeded."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Self
from unittest import mock

import redis
from redis.exceptions import RedisError

from backdesk.worker.embedded.server import SERVER_VARIABLE, EmbeddedRedis
from tests.chaos.patience import until
from tests.chaos.program import clock_library, make_program, set_clock

#: Answered means on disk. With `everysec` Redis may answer before it has handed the write to the system, and a Redis
#: that is killed may then forget what it has acknowledged: no job system on top could help that. A run that is to show
#: what holds even then is `FORGETFUL`.
FSYNC = "always"
FORGETFUL = "everysec"
#: How long a replica may take to have what its primary has. Seconds.
REPLICATION_PATIENCE_S = 20.0


class Server:
    """An embedded Redis with an append-only file, on the same port until another takes its place."""

    def __init__(self, folder: Path, fsync: str = FSYNC) -> None:
        self._folder = folder
        self._fsync = fsync
        self._folder.mkdir(parents=True, exist_ok=True)
        self._program = make_program(folder)
        self._number = 0
        self._redis = EmbeddedRedis(self._home)
        self._demoted: EmbeddedRedis | None = None
        self._frozen = False
        #: When the clock was set, by the clock of the wall, and how far ahead it has been since. Seconds.
        self.steps: list[tuple[float, float]] = [(0.0, 0.0)]

    @property
    def _home(self) -> Path:
        return self._folder / str(self._number)

    def start(self) -> Self:
        """Start it, with all that it has kept."""
        with mock.patch.dict(os.environ, {SERVER_VARIABLE: str(self._program)}):
            self._redis.start()
        with closing(self._client()) as client:
            client.config_set("appendfsync", self._fsync)
        return self

    @property
    def name(self) -> str:
        """What it is, and of which version."""
        with closing(self._client()) as client:
            info: Any = client.info("server")
        return f"{info.get('server_name', 'redis')} {info.get('valkey_version') or info['redis_version']}"

    @property
    def url(self) -> str:
        """For the one who runs the drill; `tests.chaos.program` has the user of all others."""
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

    def forget(self, seconds: float) -> None:
        """Kill it as a loss of power does, `seconds` after it last brought its writes to the disk; start it again.

        Raises RuntimeError for a server that cannot be asked when that was.
        """
        self.thaw()
        with closing(self._client()) as client, client.pipeline(transaction=False) as pipe:
            pipe.set("drill:written", 1)
            pipe.execute_command("WAITAOF", 1, 0, 4000)
            pipe.config_set("appendfsync", "no")  # as though the next second never came
            answer = pipe.execute(raise_on_error=False)[1]
        if answer != [1, 0]:
            raise RuntimeError(f"this server does not say what is on its disk: {answer}")
        file = next(self._home.glob("appendonlydir/*.incr.aof"))
        on_disk = file.stat().st_size
        time.sleep(seconds)
        os.kill(self._redis.pid, signal.SIGKILL)
        self._again(partial(os.truncate, file, on_disk))

    def _again(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        port = self._redis.port
        self._redis.stop()
        meanwhile()
        self._redis = EmbeddedRedis(self._home, port=port)
        self.start()
        if self.port != port:
            raise RuntimeError(f"port {port} was taken by another process while Redis restarted: run it again")

    def fail_over(self) -> None:
        """Promote a replica that has everything; the old primary lives on as its replica until `retire`."""
        self.retire()
        old = self._redis
        with closing(self._client()) as primary:
            self._number += 1
            self._redis = EmbeddedRedis(self._home)
            self.start()
            with closing(self._client()) as replica:
                _succeed(primary, old.port, replica, self._redis.port)
        self._demoted = old

    def retire(self) -> None:
        """End the primary that was demoted. Idempotent."""
        if self._demoted:
            self._demoted.stop()
            self._demoted = None

    def step_clock(self, seconds: float) -> None:
        """Set the clock forward. Does nothing where `clock_library` is not installed."""
        if not clock_library():
            return
        ahead_s = self.steps[-1][1] + seconds
        self.steps.append((time.time(), ahead_s))
        set_clock(self._folder, ahead_s)

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
        with suppress(RedisError), closing(self._client()) as client:
            own = client.client_id()
            others = sorted(int(each["id"]) for each in client.client_list() if int(each["id"]) != own)
            for connection in Random(pick).sample(others, len(others) // 2):
                dropped += bool(client.client_kill_filter(_id=str(connection)))
        return dropped

    def close(self) -> None:
        """Stop it for good. Idempotent."""
        self.thaw()
        self.retire()
        self._redis.stop()

    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, socket_timeout=5)


def _succeed(primary: redis.Redis, primary_port: int, replica: redis.Redis, replica_port: int) -> None:
    """Have `replica` take the place of `primary`, with every write that was answered."""
    primary.config_set("repl-diskless-sync-delay", 0)
    replica.replicaof("127.0.0.1", primary_port)
    until(lambda: _replication(replica).get("master_link_status") == "up", REPLICATION_PATIENCE_S)
    primary.client_pause(int(REPLICATION_PATIENCE_S * 1000), all=False)
    written = int(_replication(primary)["master_repl_offset"])
    until(lambda: int(_replication(replica)["slave_repl_offset"]) >= written, REPLICATION_PATIENCE_S)
    replica.replicaof("NO", "ONE")
    primary.replicaof("127.0.0.1", replica_port)
    primary.client_unpause()


def _replication(client: redis.Redis) -> dict[str, Any]:
    return dict(client.info("replication"))

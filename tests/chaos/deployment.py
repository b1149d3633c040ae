"""A real deployment: a Redis, workers of both pools as processes, and a supervisor that replaces the dead at once."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from backdesk.worker.process.periodic import Periodic
from tests.chaos.post import Post
from tests.chaos.program import PASSWORD, USER
from tests.chaos.server import FSYNC, Server
from tests.support.proxy import Proxy

SUPERVISE_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Crew:
    """Workers of one queue."""

    queue: str
    pool: str
    workers: int
    slots: int


class Deployment:
    """Posts on a server that all reach through a proxy, as through a DNS name: it goes to another when the server does.

    The last of each crew have a proxy of their own, whose connections can go half-open while all others work.
    """

    def __init__(self, folder: Path, fsync: str = FSYNC) -> None:
        self.server = Server(folder / "redis", fsync)
        self.posts: list[Post] = []
        self._folder = folder
        self._supervisor = Periodic("supervisor", SUPERVISE_EVERY_S, self._supervise)

    def __enter__(self) -> Self:
        self.server.start()
        self.gate, self.side_gate = (Proxy(self.server.port).__enter__() for _ in range(2))
        return self

    @property
    def url(self) -> str:
        """Where Redis is for whoever is not a worker."""
        return _as_user(self.gate)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._supervisor.stop()
        for post in self.posts:
            post.remove()
        for gate in (self.gate, self.side_gate):
            gate.__exit__(None, None, None)
        self.server.close()

    def fail_over(self) -> None:
        """Have another server take the place of this one; open connections stay with the old, a replica now."""
        self.server.fail_over()
        for gate in (self.gate, self.side_gate):
            gate.retarget(self.server.port)

    def man(self, crew: Crew, app: str, env: Mapping[str, str], url_name: str) -> None:
        """Add the posts of a crew; `url_name` is the variable that tells a worker its Redis."""
        for number in range(1, crew.workers + 1):
            url = _as_user(self.side_gate if number == crew.workers else self.gate)
            command = [sys.executable, "-m", "celery", "-A", app, "worker", "-P", crew.pool, "-c", str(crew.slots)]
            command += ["-Q", crew.queue, "--without-gossip", "--without-mingle", "-l", "INFO"]
            name, processes = f"{crew.queue}-{number}", crew.slots if crew.pool == "prefork" else 0
            self.posts.append(Post(name, command, {**env, url_name: url}, self._folder, processes=processes))

    def start(self) -> None:
        """Start the workers, and from here on whenever one is dead."""
        self._supervisor.start()

    def _supervise(self) -> None:
        for post in self.posts:
            post.keep_manned()


def _as_user(gate: Proxy) -> str:
    return gate.url.replace("redis://", f"redis://{USER}:{PASSWORD}@")


def faster_starts(folder: Path) -> dict[str, str]:
    """Environment in which Python compiles each module once for all processes of a run."""
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "pycache")}

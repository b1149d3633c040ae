"""A real Redis for what outlives a job, for bodies that tests call without an engine around them.

It is the server of the benches, which the first of them in a process starts; each test has a prefix of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

import redis

from backdesk.testing.server import shared_server
from backdesk.worker.memory.access import Memory
from backdesk.worker.memory.calls import MemoryCalls
from backdesk.worker.model.job import Claim
from backdesk.worker.settings import Settings
from backdesk.worker.store.connection import connect
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.scripts import Call, run
from backdesk.worker.submit.blob_access import blobs_of
from tests.support.arguments import argument
from tests.support.defaults import usual_settings

Submit = Callable[[Call[Any]], Future[Any]]


class Memories:
    """What the jobs of one test have left."""

    def __init__(self) -> None:
        self._client: redis.Redis | None = None
        self._numbers = itertools.count(1)
        self._prefix = "memory-0"

    @property
    def settings(self) -> Settings:
        """Settings by which a client finds what bodies have left here."""
        return usual_settings(redis_url=shared_server().url, prefix=self._prefix)

    @property
    def client(self) -> redis.Redis:
        if self._client is None:
            self._client = connect(shared_server().url)
        return self._client

    def begin(self, kept: Mapping[bytes, bytes] | None = None) -> None:
        """Begin a test: nothing is kept yet, or as much as there was at another time."""
        self._prefix = f"memory-{next(self._numbers)}"
        for name, value in (kept or {}).items():
            self.client.restore(self._prefix.encode() + name, 0, value)

    def kept(self) -> dict[bytes, bytes]:
        """Return all that this test has kept so far, to begin with again."""
        names = self.client.scan_iter(f"{self._prefix}:*")
        dumps = ((name.removeprefix(self._prefix.encode()), self.client.dump(name)) for name in names)
        return {name: dump for name, dump in dumps if dump is not None}

    def close(self) -> None:
        """Close the connection, if there was need of one."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def of(self, claim: Claim, submit: Submit | None = None) -> Memory:
        """The memory as an attempt reaches it; `submit` carries out its calls by `answer`, as it does unless given."""
        calls, blobs = MemoryCalls(usual_settings(prefix=self._prefix)), blobs_of(self.settings)
        submit = submit or self._submitter(claim)
        return Memory(claim, submit, calls, blobs, max_bytes=1_000_000, max_note_bytes=32_768)

    def answer(self, claim: Claim, call: Call[Any]) -> Any:
        """Carry out a call of an attempt, which holds its fence."""
        running: dict[Any, Any] = {"state": "running", "fence": claim.fence, "tenant": claim.tenant}
        self.client.hset(Keys(str(argument(call, "prefix"))).job(claim.job_id), mapping=running)
        return run(self.client, call)

    def _submitter(self, claim: Claim) -> Submit:
        def submit(call: Call[Any]) -> Future[Any]:
            answered: Future[Any] = Future()
            answered.set_result(self.answer(claim, call))
            return answered

        return submit


MEMORIES = Memories()

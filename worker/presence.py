"""A worker makes itself known: its slots, which set how much dispatch hands to Celery, and the kinds it can run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import redis

from worker.keys import Keys
from worker.periodic import Periodic
from worker.settings import Settings
from worker.store.script import run
from worker.store.transitions import Transitions
from worker.task import TaskSpec

#: A worker announces itself this often, and is forgotten after three announcements that did not come. Seconds.
ANNOUNCE_EVERY_S = 2.0


class Presence:
    """Keeps one worker announced. `slots` tells how many jobs it runs at once, by queue, each time it is asked."""

    def __init__(
        self, name: str, client: redis.Redis, settings: Settings, slots: Callable[[], Mapping[str, int]]
    ) -> None:
        self._name = name
        self._client = client
        self._transitions = Transitions(settings)
        self._keys = Keys(settings.prefix)
        self._slots = slots
        self._registry: Mapping[str, TaskSpec] = {}
        self._since = datetime.now(UTC).isoformat()
        self._thread = Periodic("presence", ANNOUNCE_EVERY_S, self.announce)

    def start(self, registry: Mapping[str, TaskSpec]) -> None:
        """Announce the kinds, then the worker, and go on announcing it."""
        self._registry = registry
        if registry:
            contracts: dict[Any, Any] = {kind: spec.contract.model_dump_json() for kind, spec in registry.items()}
            self._client.hset(self._keys.kinds, mapping=contracts)
        self.announce()
        self._thread.start()

    def announce(self) -> None:
        """Announce the worker once."""
        ttl_ms = round(3 * ANNOUNCE_EVERY_S * 1000)
        run(self._client, self._transitions.announce(self._name, ttl_ms, self._announcement()))

    def _announcement(self) -> dict[str, Any]:
        slots = dict(self._slots())
        return {
            "kinds": [kind for kind, spec in self._registry.items() if spec.queue in slots],
            "name": self._name,
            "pid": os.getpid(),
            "since": self._since,
            "version": backdesk_version(),
            "slots": slots,
        }

    def stop(self) -> None:
        """Withdraw the announcement. Idempotent."""
        self._thread.stop()
        run(self._client, self._transitions.announce(self._name, 0, {"slots": {}}))


def backdesk_version() -> str:
    """Return the installed version, or "unknown" when run from a bare checkout."""
    try:
        return version("backdesk")
    except PackageNotFoundError:
        return "unknown"

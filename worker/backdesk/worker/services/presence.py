"""The presence of a worker: its slots, which set how much dispatch hands to Celery, and the kinds it can run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import redis

from backdesk.worker.attempt.registry import TaskSpec
from backdesk.worker.model.health import WorkerFacts
from backdesk.worker.model.sent import masked_text
from backdesk.worker.process.periodic import Periodic
from backdesk.worker.process.texts import RENEWED_S as TEXTS_RENEWED_S
from backdesk.worker.settings import Settings
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.scripts import run
from backdesk.worker.store.upkeep import Announced

#: A worker announces itself this often, and is forgotten after three announcements that did not come. Seconds.
ANNOUNCE_EVERY_S = 2.0


class Presence:
    """Keeps one worker announced with its facts of the moment. `on_announced` is called with what it then hears."""

    def __init__(
        self,
        name: str,
        client: redis.Redis,
        settings: Settings,
        facts: Callable[[], WorkerFacts],
        on_announced: Callable[[Announced], object] = lambda _: None,
    ) -> None:
        self._name = name
        self._client = client
        self._transitions = Transitions(settings)
        self._guard = settings.guard
        self._facts = facts
        self._on_announced = on_announced
        self._contracts: dict[str, str] = {}
        #: What the contracts name by its digest.
        self._texts: dict[str, str] = {}
        self._renew_at = 0.0
        #: Whether the contracts are in Redis: not before they were told, nor when it has lost them.
        self._known = False
        self._thread = Periodic("presence", ANNOUNCE_EVERY_S, self.announce)

    def start(self, registry: Mapping[str, TaskSpec]) -> None:
        """Announce the kinds and the worker, and go on announcing it. Returns at once, also when Redis is away."""
        contracts = {kind: spec.contract.guarded_by(self._guard) for kind, spec in registry.items()}
        self._contracts = {kind: contract.model_dump_json() for kind, contract in contracts.items()}
        self._texts = {each.facts.text: each.text for spec in registry.values() for each in spec.prompts}
        self._thread.start()

    def announce(self) -> None:
        """Announce the worker once, and the kinds unless they are known."""
        facts = self._facts().model_dump(mode="json")
        ttl_ms = round(3 * ANNOUNCE_EVERY_S * 1000)
        contracts = {} if self._known else self._contracts
        self._renew_texts()
        heard = run(self._client, self._transitions.announce(self._name, ttl_ms, facts, contracts))
        self._known = not heard.unknown
        self._on_announced(heard)

    def _renew_texts(self) -> None:
        if self._known and time.monotonic() < self._renew_at:
            return
        for digest, text in self._texts.items():
            run(self._client, self._transitions.text(digest, masked_text(text)))
        self._renew_at = time.monotonic() + TEXTS_RENEWED_S

    def announce_soon(self) -> None:
        """Announce the worker in its thread, now and not when it is time. Returns at once."""
        self._thread.hurry()

    def stop(self) -> None:
        """Withdraw the announcement. Idempotent."""
        self._thread.stop()
        run(self._client, self._transitions.announce(self._name, 0, {"slots": {}}))

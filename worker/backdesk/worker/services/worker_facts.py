"""The facts of a live worker, gathered where they arise."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from celery.worker import state

from backdesk.worker.attempt.registry import TaskSpec
from backdesk.worker.celery.consumer import Consumer
from backdesk.worker.model.health import WorkerFacts
from backdesk.worker.model.version import TOO_LARGE
from backdesk.worker.process.state import held_process
from backdesk.worker.services.watchdog import Watchdog
from backdesk.worker.settings import Settings, celery_queue


class FactSource:
    """The facts of one worker, gathered each time it is called."""

    def __init__(
        self, consumer: Consumer, watchdog: Watchdog, settings: Settings, kinds: Mapping[str, TaskSpec]
    ) -> None:
        self._consumer = consumer
        self._watchdog = watchdog
        self._settings = settings
        self._kinds = kinds
        self._since = datetime.now(UTC)
        self._reached_at = time.monotonic()
        self._draining = False

    def note_store_reached(self) -> None:
        """Call it when the store was written to."""
        self._reached_at = time.monotonic()

    def note_draining(self) -> None:
        """Call it when the worker begins to end its jobs and takes no more."""
        self._draining = True

    def __call__(self) -> WorkerFacts:
        now, pulse = time.monotonic(), self._consumer.pulse
        slots = self._slots()
        here = [spec for _, spec in sorted(self._kinds.items()) if spec.queue in slots]
        specs = [spec for spec in here if spec.slots <= slots[spec.queue]]
        too_large = [f"{spec.kind}:{TOO_LARGE}" for spec in here if spec not in specs]
        mismatch = self._settings.version_mismatch
        return WorkerFacts(
            name=self._consumer.hostname,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=backdesk_version(),
            since=self._since,
            queues=tuple(slots),
            kinds=tuple(spec.kind for spec in specs),
            versions=(*(offer for spec in specs for offer in spec.offers(mismatch)), *too_large),
            gathering=tuple(self._consumer.gathering.ids),
            lacking=self._consumer.lacking_slots,
            slots=slots,
            running=len(state.active_requests),
            loop_lag_s=_loop_lag_s(),
            consuming=self._watchdog.consuming,
            ticked_s=now - pulse.turned_at,
            consumed_s=None if pulse.taken_at is None else now - pulse.taken_at,
            renewed_s=now - min(self._reached_at, _renewed_at(now)),
            draining=self._draining,
            lease_s=self._settings.lease_s,
        )

    def _slots(self) -> dict[str, int]:
        names = {celery_queue(self._settings.prefix, queue): queue for queue in self._settings.queues}
        consumed = self._consumer.app.amqp.queues.consume_from
        return {names[queue]: self._consumer.slots for queue in consumed if queue in names}


def _loop_lag_s() -> float:
    process = held_process()
    return process.loop.lag_s if process else 0.0


def _renewed_at(now: float) -> float:
    process = held_process()
    return process.leases.renewed_at if process else now


@cache
def backdesk_version() -> str:
    """Return the installed version, or "unknown" when run from a bare checkout."""
    try:
        return version("backdesk")
    except PackageNotFoundError:
        return "unknown"

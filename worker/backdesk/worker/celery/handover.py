"""The hand-over of a worker's jobs when it ends: at their next checkpoint within a grace, then wherever they are.

The request goes through the store, by the ids of the jobs, because the attempts may run in other processes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

import redis
from redis.exceptions import RedisError

from backdesk.worker.settings import Settings
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.scripts import run

log = logging.getLogger(__name__)

#: Pause between two requests. A job that was on its way to a child at the first hears the next.
ASK_EVERY_S = 0.3


class Handover:
    """Asks the attempts on one worker to leave. `taken` gives the ids of the jobs that it has taken, if known."""

    def __init__(
        self,
        worker: str,
        client: redis.Redis,
        settings: Settings,
        taken: Callable[[], Iterable[str]],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._worker = worker
        self._client = client
        self._transitions = Transitions(settings)
        self._grace_s = settings.drain_grace_s
        self._taken = taken
        self._clock_s = clock_s
        self._hurried = threading.Event()

    def run(self) -> None:
        """Ask until no job runs here any more; returns then. Redis may be away meanwhile."""
        until_s = self._clock_s() + self._grace_s
        # Celery forgets what it has taken on its way to the end, while it still runs.
        ids = set(self._taken())
        log.info("draining", extra={"jobs": len(ids), "grace_s": self._grace_s})
        while ids:
            left_s = 0.0 if self._hurried.is_set() else until_s - self._clock_s()
            running = self._ask(ids, "drain" if left_s > 0 else "hand_over")
            more = set(self._taken())
            if not running and not more:
                break
            ids |= more
            if left_s > 0:
                self._hurried.wait(min(ASK_EVERY_S, left_s))
            else:
                time.sleep(ASK_EVERY_S)
        log.info("drained")

    def hurry(self) -> None:
        """End the grace now."""
        self._hurried.set()

    def _ask(self, ids: Iterable[str], ask: str) -> int:
        try:
            return run(self._client, self._transitions.stop(self._worker, ask, sorted(ids)))
        except RedisError as error:
            log.warning("drain_not_heard", extra={"reason": str(error)})
            return 1

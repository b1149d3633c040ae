"""The hand-over of a worker's jobs when it ends: at their next checkpoint within a grace, then wherever they are.

The request goes through the store, by the ids of the jobs, because the attempts may run in other processes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

import redis
from redis.exceptions import RedisError

from worker.settings import Settings
from worker.store.script import run
from worker.store.transitions import Transitions

log = logging.getLogger(__name__)

#: Pause between two requests. A job that was on its way to a child at the first hears the next.
ASK_EVERY_S = 0.3


class Drain:
    """Asks the attempts of one worker to leave. `running` gives the ids of the jobs that it has taken and not ended."""

    def __init__(
        self,
        client: redis.Redis,
        settings: Settings,
        running: Callable[[], Sequence[str]],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._transitions = Transitions(settings)
        self._grace_s = settings.drain_grace_s
        self._running = running
        self._clock_s = clock_s
        self._hurried = threading.Event()

    def run(self) -> None:
        """Ask until nothing runs any more; returns then. Redis may be away meanwhile."""
        until_s = self._clock_s() + self._grace_s
        log.info("draining", extra={"jobs": len(self._running()), "grace_s": self._grace_s})
        while ids := self._running():
            left_s = 0.0 if self._hurried.is_set() else until_s - self._clock_s()
            self._ask(ids, "drain" if left_s > 0 else "hand_over")
            if left_s > 0:
                self._hurried.wait(min(ASK_EVERY_S, left_s))
            else:
                time.sleep(ASK_EVERY_S)
        log.info("drained")

    def hurry(self) -> None:
        """End the grace now."""
        self._hurried.set()

    def _ask(self, ids: Sequence[str], ask: str) -> None:
        try:
            run(self._client, self._transitions.stop(ids, ask))
        except RedisError as error:
            log.warning("drain_not_heard", extra={"reason": str(error)})

"""Leases: this process shows, a few times within each lease, that its attempts are alive.

A thread of its own renews all of them in one call, not the event loop: a loop kept busy by one body must not lose the
jobs of the others. A loop that does not answer at all for a whole lease is another matter; its attempts are given up.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import redis

from worker.job import Claim
from worker.loop import ProcessLoop
from worker.periodic import Periodic
from worker.progress import AttemptProgress
from worker.settings import Settings
from worker.store.script import run
from worker.store.transitions import Transitions

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Lease:
    """One attempt that this process keeps alive."""

    claim: Claim
    progress: AttemptProgress
    on_loop: bool
    #: Set by the attempt as soon as there is something to stop; called when the fence is lost.
    on_lost: Callable[[], object] | None = None
    lost: bool = False
    #: The end of the attempt is being written: it still needs its lease, and losing it by that very write is no loss.
    ending: bool = False


class LeaseKeeper:
    """Renews the leases of a process, every third of their length."""

    def __init__(self, client: redis.Redis, transitions: Transitions, settings: Settings, loop: ProcessLoop) -> None:
        self._client = client
        self._transitions = transitions
        self._lease_s = settings.lease_s
        self._loop = loop
        self._leases: dict[tuple[str, int], Lease] = {}
        self._lock = threading.Lock()
        #: When all that had to be renewed last was, by `time.monotonic()`.
        self.renewed_at = time.monotonic()
        self._thread = Periodic("leases", settings.lease_s / 3, self.renew)
        self._thread.start()

    @contextmanager
    def held(self, claim: Claim, progress: AttemptProgress, *, on_loop: bool) -> Iterator[Lease]:
        """Keep a claim alive within the block."""
        # By attempt, not by job: a process that was frozen may get its own lost job again beside the lost attempt.
        lease, attempt = Lease(claim, progress, on_loop), (claim.job_id, claim.attempt)
        with self._lock:
            self._leases[attempt] = lease
        try:
            yield lease
        finally:
            with self._lock:
                del self._leases[attempt]

    def renew(self) -> None:
        """Renew every lease once, and stop the attempts that have lost theirs."""
        loop_stuck = self._loop.silent_for() > self._lease_s
        with self._lock:
            leases = {of: lease for of, lease in self._leases.items() if not (loop_stuck and lease.on_loop)}
        if loop_stuck:
            log.error("loop_stuck", extra={"leases_left_to_expire": len(self._leases) - len(leases)})
        if not leases:
            self.renewed_at = time.monotonic()
            return
        answers = run(self._client, self._transitions.renew(list(leases)))
        self.renewed_at = time.monotonic()
        for (attempt, lease), watchers in zip(leases.items(), answers, strict=True):
            if watchers:
                # Zero is left to the answers of emit, which also count those who subscribe to a pattern.
                lease.progress.watchers = watchers
            elif watchers is None and attempt in self._leases and not lease.ending:
                self._lose(lease)

    def _lose(self, lease: Lease) -> None:
        lease.lost = True
        log.warning("fence_lost", extra={"job_id": lease.claim.job_id, "attempt": lease.claim.attempt})
        if lease.on_lost:
            lease.on_lost()

    def close(self) -> None:
        """Stop renewing. Idempotent."""
        self._thread.stop()
        self._client.close()

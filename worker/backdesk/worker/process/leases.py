"""Leases: this process shows, a few times within each, that its attempts are alive, and stops those that must end.

A thread of its own renews all of them in one call, not the event loop: a loop kept busy by one body must not lose the
jobs of the others. A loop that does not answer at all for a whole lease is another matter; its attempts are given up.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

import redis
from pydantic_core import from_json

from backdesk.worker.model.job import Claim
from backdesk.worker.process.event_loop import ProcessLoop
from backdesk.worker.process.periodic import Periodic
from backdesk.worker.process.progress import AttemptProgress
from backdesk.worker.settings import Settings
from backdesk.worker.store.calls import text
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.scripts import run

log = logging.getLogger(__name__)

#: Of a lease: how often it is renewed, and how long Redis may take to answer that. A renewal that fails is repeated at
#: once on a new connection; so one may fail three times, as on half-open connections, and the lease holds.
RENEWAL, RENEWAL_TIMEOUT = 1 / 3, 1 / 6
#: Pause before it is repeated, and the least that Redis has for its answer. Seconds.
RENEW_AGAIN_S, SHORTEST_TIMEOUT_S = 0.1, 1.0
#: How often time limits are looked at, and how often the store is asked whom to stop; without attempts, how long the
#: watch rests at most. Seconds.
WATCH_EVERY_S = 0.1
REST_S = 2.0
ASK_EVERY_S = 0.4


def renewal_timeout_s(settings: Settings) -> float:
    """Return how long a renewal waits for its answer."""
    return min(settings.socket_timeout_s, settings.lease_s, max(settings.lease_s * RENEWAL_TIMEOUT, SHORTEST_TIMEOUT_S))


class Stop(StrEnum):
    """Why an attempt must end before its body does."""

    #: Another attempt has begun, or the job has ended.
    LOST = "lost"
    CANCELLED = "cancelled"
    #: This attempt has taken longer than one may.
    TIMED_OUT = "timed_out"
    #: The whole job's time is over.
    EXPIRED = "expired"
    #: A budget is out of time.
    OVERSPENT = "overspent"
    #: The worker is ending.
    HAND_OVER = "hand_over"


#: What stops the body of an attempt, and not what follows it.
OF_THE_BODY = (Stop.TIMED_OUT, Stop.OVERSPENT)


@dataclass(slots=True)
class Lease:
    """One attempt that this process keeps alive, and can stop."""

    claim: Claim
    progress: AttemptProgress
    on_loop: bool
    #: How long it is good for after each renewal, in seconds.
    length_s: float
    #: Moments of the monotonic clock at which the attempt must end.
    limits: tuple[tuple[float, Stop], ...] = ()
    #: Set by the attempt as soon as there is something to stop; breaks the body off. Called once.
    interrupt: Callable[[], object] | None = None
    #: Ends the attempt without its body, which did not end in time. Called once.
    abandon: Callable[[], object] | None = None
    #: The worker is ending: leave at the next checkpoint.
    leave: Callable[[], object] | None = None
    #: The job is to pause, by whom and why: leave at the next checkpoint, and wait.
    pause: Callable[[str], object] | None = None
    stopped: Stop | None = None
    message: str = ""
    #: The end of the attempt is being written: it still needs its lease, and losing it by that very write is no loss.
    ending: bool = False
    #: When the renewal was sent of which it is known that it came through, by `time.monotonic()`; first, the claim.
    renewed_at: float = field(default_factory=time.monotonic)
    _abandon_at: float = field(default=float("inf"))

    @property
    def overdue(self) -> bool:
        """Whether another worker may have the job by now."""
        return time.monotonic() > self.renewed_at + self.length_s

    def stop(self, reason: Stop, grace_s: float, message: str = "") -> None:
        """Break the body off, for the first reason that comes; the loss of the fence comes before all others."""
        if self.ending or self.stopped is reason or (self.stopped and reason is not Stop.LOST):
            return
        first, self.stopped, self.message = self.stopped is None, reason, message
        if first:
            self._abandon_at = time.monotonic() + grace_s
            if interrupt := self.interrupt:
                interrupt()

    def end_within(self, seconds: float, reason: Stop) -> None:
        """Have the attempt end for this reason in so many seconds from now."""
        self.limits = (*self.limits, (time.monotonic() + seconds, reason))

    def begin_again(self, timeout_s: float | None) -> bool:
        """Give what follows the body the time of an attempt of its own; gives whether there may be such a thing."""
        if self.ending or self.stopped not in {None, *OF_THE_BODY}:
            return False
        self.limits = tuple(limit for limit in self.limits if limit[1] not in OF_THE_BODY)
        if timeout_s is not None:
            self.end_within(timeout_s, Stop.TIMED_OUT)
        self.interrupt = self.abandon = self.stopped = None
        self._abandon_at = float("inf")
        return True

    def give_up_if_late(self) -> None:
        """Go on without the body if it has not ended within the grace."""
        if time.monotonic() >= self._abandon_at and not self.ending:
            self._abandon_at = float("inf")
            log.error("body_does_not_stop", extra={"job_id": self.claim.job_id, "reason": self.stopped})
            if abandon := self.abandon:
                abandon()

    def forget(self) -> None:
        """Let go of the attempt, which has ended: of its own accord, not when Python next looks for cycles."""
        self.interrupt = self.abandon = self.leave = self.pause = None


class LeaseKeeper:
    """Renews the leases of a process, every third of their length, and stops the attempts that have to end."""

    def __init__(self, client: redis.Redis, transitions: Transitions, settings: Settings, loop: ProcessLoop) -> None:
        self._client = client
        self._transitions = transitions
        self._settings = settings
        self._stopping = Keys(settings.prefix).stopping
        self._loop = loop
        self._leases: dict[tuple[str, str], Lease] = {}
        self._lock = threading.Lock()
        #: Whether the watch of time limits has nothing to look at.
        self.resting = False
        self._ask_at = 0.0
        #: When all that had to be renewed last was, by `time.monotonic()`.
        self.renewed_at = time.monotonic()
        self._watch = Periodic("stops", REST_S, self.watch, retry_s=WATCH_EVERY_S)
        self._threads = (
            Periodic("leases", settings.lease_s * RENEWAL, self.renew, retry_s=RENEW_AGAIN_S),
            self._watch,
        )
        for thread in self._threads:
            thread.start()

    @contextmanager
    def held(
        self, claim: Claim, progress: AttemptProgress, *, on_loop: bool, timeout_s: float | None = None
    ) -> Iterator[Lease]:
        """Keep a claim alive within the block."""
        now = time.monotonic()
        spans = ((claim.expires_in_s, Stop.EXPIRED), (timeout_s, Stop.TIMED_OUT))
        limits = tuple((now + span, reason) for span, reason in spans if span is not None)
        # By attempt, not by job: a process that was frozen may get its own lost job again beside the lost attempt.
        lease = Lease(claim, progress, on_loop, self._settings.lease_s, limits)
        attempt = claim.job_id, claim.fence
        with self._lock:
            self._leases[attempt] = lease
            rested, self.resting = self.resting, False
        if rested:
            self._watch.hurry()
        try:
            yield lease
        finally:
            with self._lock:
                del self._leases[attempt]
            lease.forget()

    def renew(self) -> None:
        """Renew every lease once, and stop the attempts that have lost theirs."""
        loop_stuck = self._loop.silent_for() > self._settings.lease_s
        with self._lock:
            leases = {of: lease for of, lease in self._leases.items() if not (loop_stuck and lease.on_loop)}
        if loop_stuck:
            log.error("loop_stuck", extra={"leases_left_to_expire": len(self._leases) - len(leases)})
        if not leases:
            self.renewed_at = time.monotonic()
            return
        sent_at = time.monotonic()
        answers = run(self._client, self._transitions.renew(list(leases)))
        self.renewed_at = time.monotonic()
        for (attempt, lease), watchers in zip(leases.items(), answers, strict=True):
            if watchers is not None:
                lease.renewed_at = sent_at
                lease.progress.watchers = watchers
            elif attempt in self._leases and not lease.ending and lease.stopped is not Stop.LOST:
                log.warning("fence_lost", extra={"job_id": lease.claim.job_id, "attempt": lease.claim.attempt})
                lease.stop(Stop.LOST, self._settings.stop_grace_s)

    def watch(self) -> float | None:
        """Stop the attempts that have reached a limit, or that the store wants stopped.

        Gives in how many seconds to look again; None while there are none.
        """
        with self._lock:
            leases = list(self._leases.values())
            self.resting = not leases
        if self.resting:
            return None
        now = time.monotonic()
        for lease in leases:
            for moment, reason in lease.limits:
                if now >= moment:
                    lease.stop(reason, self._settings.stop_grace_s)
            if now >= lease.renewed_at + self._settings.cut_off_s and lease.stopped is None:
                log.error("cut_off", extra={"job_id": lease.claim.job_id, "attempt": lease.claim.attempt})
                lease.stop(Stop.HAND_OVER, self._settings.stop_grace_s)
            lease.give_up_if_late()
        if now >= self._ask_at:
            self._ask_at = now + ASK_EVERY_S
            self._obey(leases)
        return WATCH_EVERY_S

    def _obey(self, leases: list[Lease]) -> None:
        asked: dict[bytes, bytes] = self._client.hgetall(self._stopping)  # type: ignore[assignment]  # not a coroutine here
        for lease in leases if asked else ():
            request = text(asked.get(lease.claim.job_id.encode(), b""))
            if request == "drain" and (leave := lease.leave):
                leave()
            elif request.startswith("pause:") and (pause := lease.pause):
                pause(request.removeprefix("pause:"))
            elif request == "hand_over":
                lease.stop(Stop.HAND_OVER, self._settings.stop_grace_s)
            elif request.startswith("cancel:"):
                reason = from_json(request.removeprefix("cancel:"))
                lease.stop(Stop.CANCELLED, self._settings.stop_grace_s, reason)

    def close(self) -> None:
        """Stop renewing. Idempotent."""
        for thread in self._threads:
            thread.stop()
        self._client.close()

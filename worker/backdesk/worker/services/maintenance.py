"""Maintenance: the work that no job asks for.

It lets go what limits held, queues what is due, ends and takes back what is lost. Every worker offers to do it; one is
elected and keeps the office while it renews it in time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import redis
from redis.exceptions import NoPermissionError

from backdesk.worker.process.periodic import Periodic, PeriodicService
from backdesk.worker.settings import Settings
from backdesk.worker.store.connection import is_outage
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.memory import nearly_full
from backdesk.worker.store.scripts import Call, run
from backdesk.worker.store.services import Reservations
from backdesk.worker.store.upkeep import BATCH, PULSE

log = logging.getLogger(__name__)

#: A leader that has not renewed its office for this many ticks is replaced (at least three seconds).
TERM_TICKS = 5
SHORTEST_TERM_MS = 3000
#: Rounds of one concern within a tick; the rest waits for the next tick, so that no concern starves another.
MAX_ROUNDS = 50
#: What runs and is delivered is counted anew so often, in case a count went wrong.
RECOUNT_EVERY_TICKS = 60
#: How soon after its moment a rate lets a job go on, at the latest; what that loses is made up for (lua/limits.lua).
PACE_S = 0.05


class Maintenance(PeriodicService):
    """One worker's offer to lead, and the rounds that it makes while it does."""

    def __init__(self, name: str, client: redis.Redis, settings: Settings) -> None:
        super().__init__(
            Periodic("pulse", settings.lease_s * PULSE, self.pulse),
            Periodic("maintenance", settings.tick_s, self.tick),
            Periodic("pacing", PACE_S, self.pace),
        )
        self._name = name
        self._client = client
        self._settings = settings
        self._transitions = Transitions(settings)
        self._reservations = Reservations(settings)
        self._term_ms = max(SHORTEST_TERM_MS, round(TERM_TICKS * settings.tick_s * 1000))
        self._ticks = 0
        #: Where the look at the limits that hold jobs goes on.
        self._released_to = "0"
        self._full = True  # not known: whatever a former leader has said is looked at anew
        #: In their order: pruning makes room where Redis is full.
        self._concerns = (
            *(self._prune, self._look_at_memory, self._release, self._promote, self._expire, self._disband),
            *(self._reap, self._redispatch, self._sweep, self._relist, self._audit, self._recount, self._muster),
        )
        #: Whether this worker led at its last tick.
        self.leads = False

    def stop(self) -> None:
        """Stop. The office falls to another worker when the term ends. Idempotent."""
        super().stop()
        self.leads = False

    def pulse(self) -> None:
        """Show that Redis can be reached, whoever leads. Not a part of the tick, which may take its time."""
        if missed_ms := run(self._client, self._transitions.pulse()):
            log.warning("outage_noticed", extra={"missed_s": missed_ms / 1000, "grace_s": self._settings.lease_s})

    def pace(self) -> None:
        """Let go on what a limit has held, and what a script has left over, if this worker leads. Idempotent."""
        if self.leads:
            self._exhaust(self._transitions.resume())

    def tick(self) -> None:
        """Make one round if this worker leads. Idempotent: two leaders at once do no harm.

        A concern that fails, as on a key that was changed by hand, is logged and keeps none of the others from their
        turn. Raises what says that Redis is away.
        """
        self.leads = self._elect()
        if not self.leads:
            return
        for concern in self._concerns:
            self._see_to(concern)
        self._ticks += 1

    def _see_to(self, concern: Callable[[], None]) -> None:
        try:
            concern()
        except Exception as error:
            if is_outage(error):
                raise
            log.exception("maintenance_failed", extra={"concern": concern.__name__.lstrip("_")})

    def _elect(self) -> bool:
        return run(self._client, self._transitions.elect(self._name, self._term_ms))

    def _look_at_memory(self) -> None:
        """Have no new jobs taken while Redis is so full that those that are there could not come to their end."""
        try:
            full = nearly_full(self._client.info("memory"), self._settings.memory_reserve)
        except NoPermissionError:
            return  # `doctor` tells of it; Redis itself refuses what is too much
        if full and not self._full:
            log.warning("store_nearly_full", extra={"used": full[0], "limit": full[1]})
        if full or self._full:
            run(self._client, self._transitions.brim(full, self._term_ms))
        self._full = full is not None

    def _audit(self) -> None:
        for tenant, jobs, size in run(self._client, self._transitions.audit()):
            log.warning("backlog_put_right", extra={"tenant": tenant, "jobs": jobs, "bytes": size})

    def _sweep(self) -> None:
        for what, job_id in run(self._client, self._transitions.sweep()):
            log.warning("job_repaired", extra={"job_id": job_id, "reason": what})

    def _relist(self) -> None:
        """Go on while there is something to do: after an upgrade no job that has ended may be listed yet."""
        listed = 0
        for _ in range(MAX_ROUNDS):
            mended = run(self._client, self._transitions.relist())
            listed += mended
            if not mended:
                break
        if listed:
            log.info("jobs_listed", extra={"count": listed})

    def _prune(self) -> None:
        self._repeat(self._transitions.prune())

    def _release(self) -> None:
        for _ in range(MAX_ROUNDS):
            _, self._released_to = run(self._client, self._reservations.release(self._released_to))
            if self._released_to == "0":
                return

    def _promote(self) -> None:
        self._repeat(self._transitions.promote())

    def _expire(self) -> None:
        self._repeat(self._transitions.expire())

    def _disband(self) -> None:
        self._exhaust(self._transitions.disband())

    def _redispatch(self) -> None:
        for queue in self._settings.queues:
            if repeated := self._repeat(self._transitions.redispatch(queue)):
                log.warning("deliveries_repeated", extra={"queue": queue, "count": repeated})

    def _muster(self) -> None:
        if self._ticks % RECOUNT_EVERY_TICKS == 0 and (wrong := run(self._client, self._transitions.muster())):
            log.warning("fleet_put_right", extra={"count": wrong})

    def _recount(self) -> None:
        begin = self._ticks % RECOUNT_EVERY_TICKS == 0
        for _ in range(MAX_ROUNDS):
            part = run(self._client, self._transitions.recount(begin=begin))
            begin = False
            if part.over:
                if part.put_right:
                    log.warning("flow_put_right", extra={"count": part.put_right, "examples": part.examples})
                return

    def _exhaust(self, call: Call[bool]) -> None:
        """Make a call until it leaves nothing more to do."""
        for _ in range(MAX_ROUNDS):
            if not run(self._client, call):
                return

    def _repeat(self, call: Call[int]) -> int:
        """Make a call until there is less than a batch to do; gives how much there was."""
        done = 0
        for _ in range(MAX_ROUNDS):
            batch = run(self._client, call)
            done += batch
            if batch < BATCH:
                break
        return done

    def _reap(self) -> None:
        for _ in range(MAX_ROUNDS):
            lost = run(self._client, self._transitions.reap())
            for job_id in lost:
                log.warning("lease_expired", extra={"job_id": job_id})
            if len(lost) < BATCH:
                return

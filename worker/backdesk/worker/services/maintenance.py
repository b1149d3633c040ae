"""Maintenance: the work that no job asks for.

It lets go what limits held, queues what is due, ends and takes back what is lost. Every worker offers to do it; one is
elected and keeps the office while it renews it in time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import redis
from redis.exceptions import NoPermissionError

from backdesk.worker.process.periodic import Periodic, PeriodicService
from backdesk.worker.services.concerns import concerns, exhaust
from backdesk.worker.settings import Settings
from backdesk.worker.store.connection import is_outage
from backdesk.worker.store.jobs import Transitions
from backdesk.worker.store.key_watch import LONGEST_WAIT_S, KeyWatch
from backdesk.worker.store.keys import Keys
from backdesk.worker.store.memory import nearly_full
from backdesk.worker.store.scripts import Call, run, run_apart
from backdesk.worker.store.upkeep import PULSE

log = logging.getLogger(__name__)

#: A leader that has not renewed its office for this many ticks is replaced (at least three seconds).
TERM_TICKS = 5
SHORTEST_TERM_MS = 3000
#: Rounds of one concern within a tick; the rest waits for the next tick, so that no concern starves another.
MAX_ROUNDS = 50
#: How soon after its moment a rate lets a job go on, at the latest; what that loses is made up for (lua/limits.lua).
PACE_S = 0.05


class Maintenance(PeriodicService):
    """One worker's offer to lead, and the rounds that it makes while it does."""

    def __init__(self, name: str, client: redis.Redis, settings: Settings) -> None:
        self._limits = KeyWatch(client)
        self._pacing = Periodic("pacing", LONGEST_WAIT_S, self.pace, retry_s=PACE_S, watch=self._limits)
        super().__init__(
            Periodic("pulse", settings.lease_s * PULSE, self.pulse),
            Periodic("maintenance", settings.tick_s, self.tick),
            self._pacing,
        )
        self._name = name
        self._client = client
        self._settings = settings
        self._limited = Keys(settings.prefix).limited
        self._transitions = Transitions(settings)
        self._term_ms = max(SHORTEST_TERM_MS, round(TERM_TICKS * settings.tick_s * 1000))
        self._ticks = 0
        self._full = True  # not known: whatever a former leader has said is looked at anew
        self._concerns = concerns(settings)
        #: Whether this worker led at its last tick.
        self.leads = False
        #: Called when it begins to lead.
        self.on_elected: Callable[[], object] = _nothing

    def stop(self) -> None:
        """Stop. The office falls to another worker when the term ends. Idempotent."""
        super().stop()
        self.leads = False

    def pulse(self) -> None:
        """Show that Redis can be reached, whoever leads. Not a part of the tick, which may take its time."""
        if missed_ms := run(self._client, self._transitions.pulse()):
            log.warning("outage_noticed", extra={"missed_s": missed_ms / 1000, "grace_s": self._settings.lease_s})

    def pace(self) -> float | None:
        """Let go on what a limit has held, and what a script has left over, if this worker leads. Idempotent.

        Gives in how many seconds to do so again; None when nothing is held.
        """
        if not self.leads or self._limits.read(("EXISTS", self._limited)) == [0]:
            return None
        exhaust(self._rounds(self._transitions.resume))
        return PACE_S

    def tick(self) -> None:
        """Make one round if this worker leads. Idempotent: two leaders at once do no harm.

        A concern that fails, as on a key that was changed by hand, is logged and keeps none of the others from their
        turn. Raises what says that Redis is away.
        """
        led, self.leads = self.leads, self._elect()
        if not self.leads:
            return
        if not led:
            self._pacing.hurry()
            self.on_elected()
        self._see_to_concerns()
        self._look_at_memory()
        self._ticks += 1

    def _see_to_concerns(self) -> None:
        """Make the first round of each in one round trip, and then what more it needs."""
        due = [concern for concern in self._concerns if self._ticks % concern.every == 0]
        answers = run_apart(self._client, [concern.ask() for concern in due])
        for concern, answer in zip(due, answers, strict=True):
            try:
                concern.see_to(self._rounds(concern.ask, answer))
            except Exception as error:
                if is_outage(error):
                    raise
                log.exception("maintenance_failed", extra={"concern": concern.name})

    def _rounds(self, ask: Callable[[], Call[Any]], *answers: Any) -> Iterator[Any]:
        """Yield the answers of one round after the other; those that are there already come first."""
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
            yield answer
        for _ in range(MAX_ROUNDS - len(answers)):
            yield run(self._client, ask())

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


def _nothing() -> None:
    """Stand in until somebody wants to know."""

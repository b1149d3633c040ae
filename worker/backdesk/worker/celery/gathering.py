"""Jobs that take several slots of their worker: what they take, and deliveries in hand until so many are free.

A worker that has too few free slots for a delivery may pass it on, as another one may have them. When it keeps it, it
takes nothing else until its own jobs have left enough slots: else those that take one would come before it for ever.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

from celery.worker import state

from backdesk.worker.celery.messages import SLOTS_HEADER

#: How likely a worker keeps a delivery for which it has too few slots: it goes round three times on average, however
#: many workers there are. One that waits for work has it at once, as Redis serves those first that have waited longest.
KEPT = 1 / 4


class Gathering:
    """What a worker must know of jobs that take several slots. `kinds` are those that do, with how many.

    For the consuming thread; any thread may look at the `ids`, and `abandon` and `drop` them.
    """

    def __init__(self, kinds: Mapping[str, int], chance: Callable[[], float] = random.random) -> None:
        #: Called when a delivery is kept or released.
        self.changed: Callable[[], object] = _nothing
        #: Whether no other worker is alive that could have the slots.
        self.alone = False
        self._kinds = kinds
        self._chance = chance
        self._surplus: dict[str, int] = {}
        self._kept: deque[Any] = deque()

    def slots_of(self, message: Any) -> int:
        """Return how many slots the job of a delivery takes."""
        return message.headers.get(SLOTS_HEADER) or self._kinds.get(message.headers["task"], 1)

    @property
    def surplus(self) -> int:
        """The slots that running jobs take beyond one each."""
        if not self._surplus:
            return 0
        self._surplus = {job_id: more for job_id, more in self._surplus.items() if job_id in state.requests}
        return sum(self._surplus.values())

    @property
    def demand(self) -> int:
        """The slots that the deliveries in hand take together."""
        return sum(map(self.slots_of, list(self._kept)))

    def take(self, job_id: str, slots: int) -> None:
        """Count a job that begins, for as long as Celery knows it."""
        if slots > 1:
            self._surplus[job_id] = slots - 1

    def passes_on(self) -> bool:
        """Whether a delivery for which there are too few slots is another worker's again; by chance."""
        return not self.alone and not self._kept and self._chance() >= KEPT

    def keep(self, message: Any) -> None:
        """Keep a delivery until there are slots for it and those before it."""
        self._kept.append(message)
        self.changed()

    @property
    def first(self) -> Any | None:
        """The delivery that is next."""
        try:
            return self._kept[0]
        except IndexError:
            return None

    def release(self, message: Any) -> None:
        """Let go of one, which begins."""
        with suppress(ValueError):  # all have been abandoned meanwhile
            self._kept.remove(message)
        self.changed()

    @property
    def ids(self) -> list[str]:
        """The jobs whose deliveries are kept."""
        return [message.headers["id"] for message in list(self._kept)]

    def drop(self, ids: Collection[str]) -> None:
        """Let go of deliveries that are of no use any more."""
        for message in list(self._kept):
            if message.headers["id"] in ids:
                with suppress(ValueError):  # it has begun meanwhile
                    self._kept.remove(message)

    def abandon(self) -> list[str]:
        """Let go of all of them, and return their jobs."""
        ids = self.ids
        self._kept.clear()
        return ids


def _nothing() -> None:
    """Stand in until somebody wants to know."""

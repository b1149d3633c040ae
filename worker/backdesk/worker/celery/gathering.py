"""Jobs that take several slots of their worker: what they take, and deliveries in hand until so many are free.

A worker that has too few free slots for a delivery passes it on some times, as another one may have them. Then it keeps
it, and takes nothing else until its own jobs have left enough slots: else those that take one would come before it for
ever.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from celery.worker import state

#: How often a delivery is passed on before it is kept. Of two workers, the one with free slots has taken it by then in
#: seven cases of eight.
MOST_PASSED_ON = 3
#: Of how many deliveries that is remembered.
MOST_REMEMBERED = 1000


class Gathering:
    """What a worker must know of jobs that take several slots. `kinds` are those that do, with how many.

    For the consuming thread; any thread may look at the `ids` and `abandon` them.
    """

    def __init__(self, kinds: Mapping[str, int]) -> None:
        self.kinds = kinds
        self._surplus: dict[str, int] = {}
        self._kept: deque[Any] = deque()
        self._passed_on = Counter[str]()

    @property
    def surplus(self) -> int:
        """The slots that running jobs take beyond one each."""
        if self._surplus:
            self._surplus = {job_id: more for job_id, more in self._surplus.items() if job_id in state.requests}
        return sum(self._surplus.values())

    def take(self, job_id: str, slots: int) -> None:
        """Count a job that begins, for as long as Celery knows it."""
        if slots > 1:
            self._surplus[job_id] = slots - 1

    def passes_on(self, job_id: str) -> bool:
        """Whether a delivery for which there are too few slots is another worker's again; counted."""
        if self._kept or self._passed_on[job_id] >= MOST_PASSED_ON:
            return False
        if len(self._passed_on) > MOST_REMEMBERED:
            self._passed_on.clear()
        self._passed_on[job_id] += 1
        return True

    def keep(self, message: Any) -> None:
        """Keep a delivery until there are slots for it and those before it."""
        self._kept.append(message)

    @property
    def first(self) -> Any | None:
        """The delivery that is next."""
        return self._kept[0] if self._kept else None

    def release(self, message: Any) -> None:
        """Let go of one, which begins."""
        with suppress(ValueError):  # all have been abandoned meanwhile
            self._kept.remove(message)
        del self._passed_on[message.headers["id"]]

    @property
    def ids(self) -> list[str]:
        """The jobs whose deliveries are kept."""
        return [message.headers["id"] for message in list(self._kept)]

    def abandon(self) -> list[str]:
        """Let go of all of them, and return their jobs."""
        ids = self.ids
        self._kept.clear()
        return ids

"""How an outage of Redis is waited out: how often it is looked whether it is over, and when to give up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from backdesk.worker.errors import StoreUnavailable
from backdesk.worker.store.connection import is_outage

#: Pauses between two looks, each twice the one before, less up to half so that not all look at once. Seconds.
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 1.0


class Patience:
    """The patience with one outage: `most_s` seconds of it, and none beyond `deadline` (of the clock).

    `passes` says of the cause of an error whether that passes by itself.
    """

    def __init__(
        self,
        most_s: float,
        deadline: float | None,
        *,
        passes: Callable[[BaseException], bool] = is_outage,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._most_s = most_s
        self._deadline = deadline
        self._passes = passes
        self._clock = clock
        self._chance = chance
        self._began: float | None = None
        self._looks = 0

    def pause_after(self, error: StoreUnavailable) -> float:
        """Return how long to wait before the next look, in seconds.

        Raises StoreUnavailable, with what Redis said last and how long it was waited for, when there is no patience
        left; the error itself when it is none that passes by itself.
        """
        if error.__cause__ is None or not self._passes(error.__cause__):
            raise error
        now = self._clock()
        began = self._began = now if self._began is None else self._began
        ends = began + self._most_s if self._deadline is None else min(began + self._most_s, self._deadline)
        if now >= ends:
            waited = f"it was waited for {now - began:.1f} s in vain"
            raise StoreUnavailable(f"{error}; {waited}" if now > began else str(error)) from error.__cause__
        pause_s = min(FIRST_PAUSE_S * 2.0 ** min(self._looks, 10), LONGEST_PAUSE_S) * (1 - self._chance() / 2)
        self._looks += 1
        return min(pause_s, ends - now)

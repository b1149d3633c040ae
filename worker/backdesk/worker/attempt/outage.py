"""How long a job waits for an outside service that is known to fail, until its fallback answers."""

from __future__ import annotations

import time
from collections.abc import Callable

from pydantic_core import to_json

from backdesk.worker.errors import Limited
from backdesk.worker.failure import Category, Failure
from backdesk.worker.model.asks import LedgerEntry
from backdesk.worker.model.job import Claim
from backdesk.worker.model.service import Why

#: Where the ledger has since when the job waits, in seconds of the epoch, and the last attempt that did.
ENTRY = "outage"


class Outage:
    """The wait of one job; attempts that follow each other and end by the breaker are one wait.

    With a patience of None the job waits for as long as it takes.
    """

    def __init__(self, claim: Claim, patience_s: float | None, clock: Callable[[], float] = time.time) -> None:
        self._claim = claim
        self._patience_s = patience_s
        self._clock = clock

    def left_s(self, limit: Limited) -> float | None:
        """Return how much longer the job may be parked for a limit; None for as long as it takes."""
        if self._patience_s is None or limit.why != Why.BREAKER:
            return None
        return self._since() + self._patience_s - self._clock()

    def over(self, failure: Failure, limit: Limited) -> Failure:
        """Return what a job fails by that has waited long enough."""
        message = f"{limit.reason}, and its job has waited {self._patience_s:g} s for it"
        return failure.model_copy(update={"code": "outage", "category": Category.NETWORK, "message": message})

    def entry(self) -> bytes:
        """Return what the next attempt must know."""
        return to_json(LedgerEntry(state="done", value=self._since(), attempt=self._claim.attempt))

    def _since(self) -> float:
        now, raw = self._clock(), self._claim.ledger.get(ENTRY)
        before = LedgerEntry.model_validate_json(raw) if raw else None
        goes_on = before is not None and before.attempt == self._claim.attempt - 1
        # The clock of another machine may be ahead.
        return min(now, before.value) if before and goes_on else now

"""On what terms attempts at the jobs of a kind begin: what a claim says beside the job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backdesk.worker.model.budget import Budget
from backdesk.worker.model.version import ANY_VERSION, Mismatch
from backdesk.worker.settings import Settings
from backdesk.worker.store.calls import flag, optional
from backdesk.worker.store.signature import Argument


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a kind.

    `budget` is what a job keeps that has none of its own, `kept_s` how long the kind keeps jobs that have succeeded.
    `version`, `resumes` and `mismatch` are those of the kind here, the last as the settings say where it has none.
    """

    budget: Budget | None = None
    kept_s: float | None = None
    version: str = ""
    resumes: Sequence[str] = ()
    mismatch: Mismatch | None = None

    def arguments(self, settings: Settings) -> dict[str, Argument]:
        """Return them as the script takes them."""
        return {
            "lease_ms": round(settings.lease_s * 1000),
            "budget": self.budget.encoded() if self.budget else "",
            "kept_ms": optional(None if self.kept_s is None else round(self.kept_s * 1000)),
            "version": self.version,
            "resumes": ANY_VERSION if ANY_VERSION in self.resumes else f" {' '.join(self.resumes)} ",
            "restarts": flag((self.mismatch or settings.version_mismatch) == "restart"),
        }


#: Those of a kind that says nothing.
USUAL_TERMS = Terms()

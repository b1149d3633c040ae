"""The contracts of the kinds whose models are installed here. A service without them uses the announced schemas."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from tasks.contracts import KINDS
from worker.kinds import ModelCheck, RequestCheck


@cache
def installed_checks() -> Mapping[str, RequestCheck]:
    """Return a check for each installed kind."""
    return {kind: ModelCheck(models.queue, models.request) for kind, models in KINDS.items()}

"""The contracts of the kinds whose models are installed here. A service without them uses the announced schemas."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from backdesk.kinds.contracts import KINDS
from backdesk.worker.model.contract import ModelCheck, RequestCheck


@cache
def installed_checks() -> Mapping[str, RequestCheck]:
    """Return a check for each installed kind."""
    return {kind: ModelCheck(models.queue, models.request) for kind, models in KINDS.items()}

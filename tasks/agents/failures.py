"""How a job fails because of its model: one error, a stable code, and when to come back."""

from __future__ import annotations

from worker.errors import TaskError
from worker.failure import Category, Severity

#: What a code means: its category, how grave it is, and whether another attempt could succeed.
_MEANINGS: dict[str, tuple[Category, Severity, bool]] = {
    "model_rate_limit": (Category.RATE_LIMIT, Severity.MEDIUM, True),
    "model_quota": (Category.RESOURCE_EXHAUSTION, Severity.HIGH, False),
    "model_auth": (Category.AUTHENTICATION, Severity.HIGH, False),
    "model_unavailable": (Category.NETWORK, Severity.MEDIUM, True),
    "model_timeout": (Category.TIMEOUT, Severity.MEDIUM, True),
    "model_rejected": (Category.VALIDATION, Severity.MEDIUM, False),
    "model_not_found": (Category.VALIDATION, Severity.MEDIUM, False),
    "model_misbehaved": (Category.DATA_CORRUPTION, Severity.HIGH, True),
    "usage_limit": (Category.RESOURCE_EXHAUSTION, Severity.HIGH, False),
}
CODES = frozenset(_MEANINGS)


class ModelFailure(TaskError):
    """The model did not answer, or not usably.

    `code` is one of `CODES`; what it means follows from it. `retry_after_s` is in seconds, None when the provider
    named no time.
    """

    def __init__(self, code: str, message: str, retry_after_s: float | None = None) -> None:
        category, severity, transient = _MEANINGS[code]
        super().__init__(
            code, message, category=category, severity=severity, transient=transient, retry_after_s=retry_after_s
        )

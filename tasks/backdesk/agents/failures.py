"""How a job fails because of its model: one error, a stable code, and when to come back."""

from __future__ import annotations

import re

from backdesk.agents.contract import ModelUsage
from backdesk.quality.contract import Review
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category, Failure, Severity

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
    # Nothing was asked: whoever runs the workers must say what.
    "no_model": (Category.VALIDATION, Severity.HIGH, False),
    # Another attempt would find the same draft and refuse it again, so no usual policy repeats it: the category sees to
    # that. It passes all the same, as another job's draft may be better; so a fallback answers.
    "quality_failed": (Category.VALIDATION, Severity.MEDIUM, True),
    "usage_limit": (Category.RESOURCE_EXHAUSTION, Severity.HIGH, False),
    # A content filter of the provider, or the model itself, will not say anything to it.
    "model_refused": (Category.DATA_CORRUPTION, Severity.MEDIUM, True),
}
CODES = frozenset(_MEANINGS)
#: A response of no use: the model is asked for another, in two attempts.
ASKED_ANEW = frozenset({"model_misbehaved", "model_refused"})
#: What is taken from errors of libraries and of the deployment, by categories that a body uses for its caller.
_OF_OTHERS = re.compile(r"http_\d+|authorization|validation|invalid_data|tenant_limit_invalid")

NO_MODEL = (
    "No model is configured, and these agents have no offline rules: set OPENAI_API_KEY, or OPENAI_BASE_URL for a "
    "server of your own, and BACKDESK_MODEL to choose the model; or give their Team `rules`."
)


class ModelFailure(TaskError):
    """The model did not answer, or not usably.

    `code` is one of `CODES`; what it means follows from it. `retry_after_s` is in seconds, None when the provider
    named no time; `final` says that what may pass as a rule was tried often enough. `used` is what the requests
    took that came to it, where whoever asked counts that.
    """

    used: ModelUsage | None = None

    def __init__(self, code: str, message: str, retry_after_s: float | None = None, *, final: bool = False) -> None:
        category, severity, transient = _MEANINGS[code]
        transient = transient and not final
        super().__init__(
            code, message, category=category, severity=severity, transient=transient, retry_after_s=retry_after_s
        )


class QualityFailed(ModelFailure):
    """No draft passed the quality gate, though the model could mend it as often as the gate allows."""

    def __init__(self, review: Review, corrections: int) -> None:
        why = ", ".join(review.failed) or "not good enough"
        times = f"{corrections} correction{'' if corrections == 1 else 's'}"
        super().__init__("quality_failed", f"The answer did not pass its review after {times}: {why}.")


def is_of_the_caller(failure: Failure) -> bool:
    """Whether it is for the caller to mend: what they sent does not fit, or is not theirs to name.

    A body says so by a TaskError of the category `validation` or `authorization`.
    """
    said_by_a_body = failure.code not in CODES and not _OF_OTHERS.fullmatch(failure.code)
    return said_by_a_body and failure.category in {Category.VALIDATION, Category.AUTHORIZATION}


def is_to_be_told(failure: Failure) -> bool:
    """Whether the customer hears of it by an answer that needs no model: it is not for the caller to mend."""
    return not is_of_the_caller(failure)

"""How a job fails because of its model: one error, a stable code, and when to come back."""

from __future__ import annotations

from worker.errors import TaskError


class ModelFailure(TaskError):
    """The model did not answer, or not usably.

    `code` is one of `model_rate_limit`, `model_quota`, `model_auth`, `model_unavailable`, `model_timeout`,
    `model_rejected`, `model_not_found`, `model_misbehaved` and `usage_limit`. `retry_after` is in seconds,
    None when the provider named no time.
    """

    def __init__(self, code: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(code, message)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[type[ModelFailure], tuple[str, str, float | None]]:
        return (type(self), (self.code, self.message, self.retry_after))

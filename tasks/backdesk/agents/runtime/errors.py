"""What the library's errors mean for a job."""

from __future__ import annotations

from pydantic_ai import exceptions

from backdesk.agents.failures import ModelFailure

#: The first class that fits decides; a sentence says nothing that the provider or the customer wrote.
_FAILURES: tuple[tuple[type[exceptions.AgentRunError], str, str], ...] = (
    (exceptions.ModelQuotaExceededError, "model_quota", "The quota of the model account is used up"),
    (exceptions.ModelRateLimitError, "model_rate_limit", "The model provider limits the rate of requests"),
    (
        exceptions.ModelAuthenticationError,
        "model_auth",
        "The model provider refused the credentials: check OPENAI_API_KEY",
    ),
    (
        exceptions.ModelNotFoundError,
        "model_not_found",
        "The model provider does not know the model: check BACKDESK_MODEL",
    ),
    (
        exceptions.ModelContextWindowExceededError,
        "model_rejected",
        "The conversation is too long for the model",
    ),
    (exceptions.ModelRequestRejectedError, "model_rejected", "The model provider rejected the request"),
    (exceptions.ModelTimeoutError, "model_timeout", "The model did not answer in time"),
    (exceptions.ModelRequestTimeout, "model_timeout", "The model did not answer in time"),
    (exceptions.ModelAPIError, "model_unavailable", "The model provider could not be reached or failed"),
    (exceptions.ContentFilterError, "model_refused", "The model, or a filter of its provider, refused to answer"),
    (exceptions.UsageLimitExceeded, "usage_limit", "The job asked more of the model than one job may"),
)


#: What the library raises for each of our codes, where rules stand in for a provider.
_RAISED: dict[str, type[exceptions.ModelAPIError]] = {
    "model_quota": exceptions.ModelQuotaExceededError,
    "model_rate_limit": exceptions.ModelRateLimitError,
    "model_auth": exceptions.ModelAuthenticationError,
    "model_not_found": exceptions.ModelNotFoundError,
    "model_rejected": exceptions.ModelRequestRejectedError,
    "model_timeout": exceptions.ModelTimeoutError,
    "model_unavailable": exceptions.ModelUnavailableError,
}


def error_of(code: str, model: str, *, retry_after_s: float | None, in_stream: bool) -> exceptions.AgentRunError:
    """Return the error by which the library would tell of a failure: the reverse of `failure_of`."""
    if code == "model_refused":
        return exceptions.ContentFilterError("the answer was filtered")
    if code not in _RAISED:
        return exceptions.UnexpectedModelBehavior("the answer is garbled")
    return _RAISED[code](model, "as the script says", retry_after=retry_after_s, in_stream=in_stream)


def failure_of(error: exceptions.AgentRunError) -> ModelFailure:
    """Translate an error of a run into a failure of the job."""
    status = f" (HTTP {error.status_code})" if isinstance(error, exceptions.ModelHTTPError) else ""
    retry_after = getattr(error, "retry_after", None)
    for kind, code, sentence in _FAILURES:
        if isinstance(error, kind):
            return ModelFailure(code, f"{sentence}{status}.", retry_after)
    return ModelFailure("model_misbehaved", "The model did not produce a usable answer.", retry_after)

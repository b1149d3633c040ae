"""The result of a job, from what its body returned. Pure."""

from __future__ import annotations

from pydantic import BaseModel

from backdesk.worker.failure import Category, Failure, Severity, support_reference
from backdesk.worker.model.job import Claim, Failed, Succeeded
from backdesk.worker.text.json import encode


def result_of(value: object, model: type[BaseModel], claim: Claim, max_bytes: int) -> Succeeded | Failed:
    """Return how a job ends whose body has returned a value: it fails with what is no result of its kind."""
    if not isinstance(value, model):
        message = f"the body returned {type(value).__name__}, not {model.__name__}"
        return _refused(claim, "invalid_result", message, Category.DATA_CORRUPTION)
    try:
        encoded = encode(value)
    except ValueError as error:
        return _refused(claim, "invalid_result", f"is no JSON: {error}", Category.DATA_CORRUPTION)
    if len(encoded) > max_bytes:
        message = f"the result is {len(encoded)} bytes as JSON, the limit is {max_bytes}"
        return _refused(claim, "result_too_large", message, Category.RESOURCE_EXHAUSTION)
    return Succeeded(encoded)


def _refused(claim: Claim, code: str, message: str, category: Category) -> Failed:
    reference = support_reference(claim.job_id, claim.attempt)
    return Failed(Failure(code=code, message=message, category=category, severity=Severity.HIGH, reference=reference))

"""The request of a claimed job, read as its kind takes it. Pure: no Redis."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from backdesk.worker.failure import Category, Failure, Severity, support_reference
from backdesk.worker.model.contract import field_errors
from backdesk.worker.model.input_guard import Findings, InputGuard, guarded_schema, refusals
from backdesk.worker.model.job import Claim


@dataclass(frozen=True, slots=True)
class Requests:
    """What a kind takes, behind the guard of this worker."""

    model: type[BaseModel]
    guard: InputGuard

    def read(self, claim: Claim) -> tuple[BaseModel, Findings] | Failure:
        """Return the request and what the guard has found in it, or why no body can have it."""
        if claim.unreadable:
            return _invalid(claim, dict(claim.unreadable))
        try:
            request = self.model.model_validate_json(claim.request)
        except ValidationError as error:
            return _invalid(claim, field_errors(error))
        found = self._findings(claim.request)
        return _invalid(claim, refusals(found)) if found and self.guard.mode == "refuse" else (request, found)

    def suits(self, request: bytes) -> bool:
        """Whether what came for another job can be taken by this one: the other would say what is wrong with it."""
        try:
            self.model.model_validate_json(request)
        except ValidationError:
            return False
        return not self._findings(request)

    def _findings(self, request: bytes) -> Findings:
        return self.guard.findings(guarded_schema(self.model), request)


def _invalid(claim: Claim, fields: dict[str, str]) -> Failure:
    field, reason = next(iter(fields.items()))
    return Failure(
        code="invalid_request",
        message=f"the request does not fit the kind: {field}: {reason}",
        category=Category.VALIDATION,
        severity=Severity.LOW,
        reference=support_reference(claim.job_id, claim.attempt),
        fields=fields,
    )

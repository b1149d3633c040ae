"""The reason of a failure: of what category, how grave, and whether another attempt could do better."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WrapValidator
from pydantic_core.core_schema import ValidatorFunctionWrapHandler

from backdesk.worker.text.json import Text, printable
from backdesk.worker.text.masking import mask


class Category(StrEnum):
    """What kind of reason it is; retry policies go by it."""

    VALIDATION = "validation"
    AUTHENTICATION = "authentication"
    AUTHORIZATION = "authorization"
    RATE_LIMIT = "rate_limit"
    TIMEOUT = "timeout"
    NETWORK = "network"
    DATA_CORRUPTION = "data_corruption"
    RESOURCE_EXHAUSTION = "resource_exhaustion"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    """How soon a person should look at it."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


#: How grave a category is, unless something more is known about the error.
USUAL_SEVERITY: dict[Category, Severity] = {
    Category.VALIDATION: Severity.LOW,
    Category.AUTHENTICATION: Severity.HIGH,
    Category.AUTHORIZATION: Severity.HIGH,
    Category.RATE_LIMIT: Severity.MEDIUM,
    Category.TIMEOUT: Severity.MEDIUM,
    Category.NETWORK: Severity.MEDIUM,
    Category.DATA_CORRUPTION: Severity.HIGH,
    Category.RESOURCE_EXHAUSTION: Severity.HIGH,
    Category.UNKNOWN: Severity.HIGH,
}


def _or(default: object) -> WrapValidator:
    """Read as the default what does not fit: another version wrote it, or a body without types."""

    def read(value: object, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(value)
        except ValidationError:
            return default

    return WrapValidator(read)


Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Failure(BaseModel):
    """Why an attempt or a job ended without a result.

    `code` is stable and meant for programs (`invalid_request`, `task_error`, `poison`, ...); `message` is for people;
    `fields` holds one reason for each field of a request that was refused. `transient` says that the same attempt
    could succeed later, `retry_after_s` in how many seconds the provider will have it again. `reference` is what a
    customer can quote to support, and stands in the worker's log.
    """

    model_config = ConfigDict(frozen=True)

    code: Text
    message: Text
    category: Annotated[Category, _or(Category.UNKNOWN)] = Category.UNKNOWN
    severity: Annotated[Severity, _or(Severity.MEDIUM)] = Severity.MEDIUM
    transient: Annotated[bool, _or(False)] = False
    retry_after_s: Annotated[Seconds | None, _or(None)] = None
    fallback_available: Annotated[bool, _or(False)] = False
    reference: Text = ""
    fields: dict[Text, Text] = {}

    @classmethod
    def of(
        cls,
        error: BaseException,
        category: Category,
        *,
        transient: bool,
        code: str | None = None,
        severity: Severity | None = None,
        retry_after_s: float | None = None,
        fields: dict[str, str] | None = None,
    ) -> Failure:
        """Describe an error, masked. The code is the category's name and the severity its usual one unless given."""
        return cls(
            code=code or category,
            message=mask(f"{type(error).__name__}: {printable(error)}"),
            category=category,
            severity=severity or USUAL_SEVERITY[category],
            transient=transient,
            retry_after_s=retry_after_s,
            fields=fields or {},
        )


def support_reference(job_id: str, attempt: int) -> str:
    """Return what a customer can quote about an attempt; the same for every write of it, in Python and in Lua."""
    digest = hashlib.sha1(f"{job_id}:{attempt}".encode(), usedforsecurity=False).hexdigest()
    return f"BD-{digest[:8].upper()}"

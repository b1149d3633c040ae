"""Errors as clients read them: one body for RFC 9457 and for the client of OpenAI.

https://www.rfc-editor.org/rfc/rfc9457; OpenAI's `error` object is an extension member that others ignore.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from backdesk.gateway.errors import Forbidden, IssuerUnavailable, LinkRefused, TooManyAttempts, Unauthenticated
from backdesk.worker.errors import (
    ArchiveUnavailable,
    AskUnknown,
    BackdeskError,
    BlobError,
    BlobNotFound,
    ConfigurationError,
    ConversationBusy,
    ConversationNotFound,
    IdempotencyConflict,
    InvalidRequest,
    JobFailed,
    JobNotFound,
    KeyNotFound,
    NotCancellable,
    NotForgettable,
    NotPermitted,
    NotReplayable,
    NotWaiting,
    PayloadTooLarge,
    QuotaExceeded,
    ResultTimeout,
    ScheduleExists,
    ScheduleNotFound,
    StoreFull,
    StoreUnavailable,
    UnknownKind,
    WebhookNotFound,
)
from backdesk.worker.text.json import encode

MEDIA_TYPE = "application/problem+json"
#: Where a client may ask again, after this many seconds unless something better is known.
RETRY_AFTER_S = 1
#: Clients of OpenAI repeat these by themselves; of ours a repeat comes to the same.
_POINTLESS_TO_REPEAT = {HTTPStatus.CONFLICT}

logger = logging.getLogger(__name__)

_TEXT = {"type": "string"}
_OF_FIELD = {"type": "object", "properties": {"pointer": _TEXT, "detail": _TEXT}}
_OF_OPENAI = {"message": _TEXT, "type": _TEXT, "code": _TEXT, "param": {"type": ["string", "null"]}}
_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "error"],
    "properties": {
        **dict.fromkeys(("type", "title", "detail", "instance"), _TEXT),
        "status": {"type": "integer"},
        "errors": {"type": "array", "items": _OF_FIELD},
        "error": {"type": "object", "properties": _OF_OPENAI},
    },
}
_TOLD: dict[str, Any] = {"content": {MEDIA_TYPE: {"schema": _SCHEMA}}}
#: What any route may answer with in place of what it is asked for, for the document of the API.
RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "Refused: why, and which field.", **_TOLD},
    501: {"description": "Not configured here.", **_TOLD},
    503: {"description": "Not now: ask again after `Retry-After`.", **_TOLD},
    504: {"description": "Not yet: the job goes on.", **_TOLD},
}

#: The first class that fits decides: the status, and the code of the error.
_PROBLEMS: tuple[tuple[type[BackdeskError], int, str], ...] = (
    (Unauthenticated, 401, "unauthenticated"),
    (TooManyAttempts, 429, "too_many_attempts"),
    (IssuerUnavailable, 503, "issuer_unavailable"),
    (LinkRefused, 403, "forbidden"),
    (Forbidden, 403, "forbidden"),
    (UnknownKind, 404, "model_not_found"),
    (PayloadTooLarge, 413, "payload_too_large"),
    (QuotaExceeded, 429, "insufficient_quota"),
    (InvalidRequest, 422, "invalid_request"),
    (IdempotencyConflict, 422, "idempotency_conflict"),
    (ConversationBusy, 409, "conversation_busy"),
    (ConversationNotFound, 404, "conversation_not_found"),
    (JobNotFound, 404, "job_not_found"),
    (NotCancellable, 409, "not_cancellable"),
    (NotForgettable, 409, "not_forgettable"),
    (NotWaiting, 409, "not_waiting"),
    (AskUnknown, 422, "ask_unknown"),
    (NotReplayable, 409, "not_replayable"),
    (KeyNotFound, 404, "key_not_found"),
    (WebhookNotFound, 404, "webhook_not_found"),
    (ScheduleNotFound, 404, "schedule_not_found"),
    (ScheduleExists, 409, "schedule_exists"),
    (BlobNotFound, 404, "blob_not_found"),
    (BlobError, 503, "blob_store_unavailable"),
    (ConfigurationError, 501, "not_configured"),
    (ArchiveUnavailable, 503, "archive_unavailable"),
    (StoreFull, 503, "store_full"),
    (NotPermitted, 503, "store_unavailable"),
    (StoreUnavailable, 503, "store_unavailable"),
    (ResultTimeout, 504, "timed_out"),
    (JobFailed, 409, "job_failed"),
    (BackdeskError, 500, "error"),
)

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    409: "conflict_error",
    429: "rate_limit_error",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as it is told over HTTP. `fields` has a reason for each field that was refused."""

    status: int
    code: str
    detail: str
    fields: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    #: What a client of ours makes the same error of.
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def error_type(self) -> str:
        """The type of the error, in the words of OpenAI."""
        return _TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")

    def openai(self) -> dict[str, Any]:
        """Return it as the `error` of a body, or of an event within a stream."""
        param = next(iter(self.fields), None)
        return {"message": self.detail, "type": self.error_type, "code": self.code, "param": param}

    def document(self, instance: str = "") -> dict[str, Any]:
        """Return the body; `instance` is the id of the request."""
        errors = [{"pointer": pointer(name), "detail": reason} for name, reason in self.fields.items()]
        return {
            "type": f"urn:backdesk:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **({"instance": instance} if instance else {}),
            **({"errors": errors} if errors else {}),
            **({"facts": self.facts} if self.facts else {}),
            "error": self.openai(),
        }

    def response(self, instance: str = "") -> Response:
        """Return the answer that tells it."""
        headers = dict(self.headers)
        if self.status in _POINTLESS_TO_REPEAT:
            headers["x-should-retry"] = "false"
        if self.status in {429, 503}:
            headers.setdefault("Retry-After", str(RETRY_AFTER_S))
        return Response(encode(self.document(instance)), self.status, headers, MEDIA_TYPE)


def pointer(name: str) -> str:
    """Return the path of a field as a JSON pointer (RFC 6901) within the request."""
    return "/" + name.replace("~", "~0").replace("/", "~1").replace(".", "/").replace("[", "/").replace("]", "")


def problem_of(error: BackdeskError) -> Problem:
    """Return how an error of ours is told."""
    status, code = next((status, code) for kind, status, code in _PROBLEMS if isinstance(error, kind))
    fields = error.fields if isinstance(error, InvalidRequest) else {}
    facts = vars(error) if status not in {401, 403} and status < HTTPStatus.INTERNAL_SERVER_ERROR else {}
    return Problem(status, code, str(error), fields, _headers(error), facts)


def _headers(error: BackdeskError) -> dict[str, str]:
    match error:
        case Unauthenticated():
            return {"WWW-Authenticate": error.challenge}
        case TooManyAttempts():
            return {"Retry-After": str(error.retry_after_s)}
        case _:
            return {}


def install(app: FastAPI) -> None:
    """Have an application tell all its errors so."""
    app.add_exception_handler(BackdeskError, _ours)
    app.add_exception_handler(RequestValidationError, _refused)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(Exception, _unexpected)


def request_id_of(request: Request) -> str:
    """Return the id of a request, "" where nothing gave it one."""
    return str(request.scope.get("state", {}).get("request_id", ""))


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, BackdeskError)  # noqa: S101 - it is registered for these alone
    return problem_of(error).response(request_id_of(request))


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    fields = {_place(each["loc"]): str(each["msg"]).removeprefix("Value error, ") for each in error.errors()}
    detail = "; ".join(f"{name}: {reason}" for name, reason in fields.items())
    return Problem(422, "invalid_request", detail, fields).response(request_id_of(request))


def _place(place: tuple[Any, ...]) -> str:
    """Name a field as its caller knows it: without the part of the request that it was in."""
    return ".".join(map(str, place[1:])) or str(place[0])


async def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_").replace("-", "_")
    return Problem(error.status_code, code, str(error.detail), headers=error.headers or {}).response(
        request_id_of(request)
    )


async def _unexpected(request: Request, error: Exception) -> Response:
    logger.error("request_failed", exc_info=error, extra={"request_id": request_id_of(request)})
    return Problem(500, "internal_error", "something went wrong here; the log has it under this request").response(
        request_id_of(request)
    )

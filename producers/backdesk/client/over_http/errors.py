"""The errors of a gateway as the classes that clients know: by the codes and facts of `application/problem+json`."""

from __future__ import annotations

import inspect
from typing import Any

from pydantic import TypeAdapter, ValidationError

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
    KeyRefused,
    NotCancellable,
    NotForgettable,
    NotReplayable,
    NotWaiting,
    PayloadTooLarge,
    QuotaExceeded,
    ScheduleExists,
    ScheduleNotFound,
    StoreFull,
    StoreUnavailable,
    UnknownKind,
)
from backdesk.worker.failure import Failure
from backdesk.worker.text.json import decode

_CLASSES: dict[str, type[BackdeskError]] = {
    "archive_unavailable": ArchiveUnavailable,
    "ask_unknown": AskUnknown,
    "blob_not_found": BlobNotFound,
    "blob_store_unavailable": BlobError,
    "conversation_busy": ConversationBusy,
    "conversation_not_found": ConversationNotFound,
    "forbidden": KeyRefused,
    "idempotency_conflict": IdempotencyConflict,
    "insufficient_quota": QuotaExceeded,
    "invalid_request": InvalidRequest,
    "job_failed": JobFailed,
    "job_not_found": JobNotFound,
    "key_not_found": KeyNotFound,
    "model_not_found": UnknownKind,
    "not_cancellable": NotCancellable,
    "not_configured": ConfigurationError,
    "not_forgettable": NotForgettable,
    "not_replayable": NotReplayable,
    "not_waiting": NotWaiting,
    "payload_too_large": PayloadTooLarge,
    "schedule_exists": ScheduleExists,
    "schedule_not_found": ScheduleNotFound,
    "store_full": StoreFull,
    "store_unavailable": StoreUnavailable,
    "unauthenticated": KeyRefused,
}
_MAPPING = TypeAdapter(dict[str, Any])


class Unserved(Exception):
    """What kept a request from being served, and may pass: nothing is there, or it says that it is busy."""


def error_of(status: int, content: bytes, place: str) -> BackdeskError:
    """Return the error that an answer tells; one that is none of a gateway is StoreUnavailable."""
    try:
        problem = _MAPPING.validate_python(decode(content))
        code, detail = str(problem["error"]["code"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        error = StoreUnavailable(f"{place} answered {status}, as no gateway does: is the address right?")
        error.__cause__ = Unserved(status)
        return error
    found = _CLASSES.get(code)
    if found is None:
        return BackdeskError(detail)
    error = _made(found, problem.get("facts") or {}, detail, problem)
    if type(error) is StoreUnavailable:
        error.__cause__ = Unserved(status)
    return error


def _made(found: type[BackdeskError], facts: dict[str, Any], detail: str, problem: dict[str, Any]) -> Any:
    """Return an error with its facts as attributes; without them, it has what the problem says in words."""
    wanted = inspect.signature(found).parameters
    if "args" in wanted or not facts.keys() >= {name for name, each in wanted.items() if each.default is each.empty}:
        return InvalidRequest.of(_fields(problem)) if issubclass(found, InvalidRequest) else _in_words(found, detail)
    given = {name: facts[name] for name in wanted if name in facts}
    if "failure" in given:
        try:
            given["failure"] = Failure.model_validate(given["failure"])
        except ValidationError:
            return BackdeskError(detail)
    return found(**given)


def _in_words(found: type[BackdeskError], detail: str) -> BackdeskError:
    positional = [*inspect.signature(found).parameters]
    return found(detail) if positional in (["args"], ["args", "kwargs"], ["reason"]) else BackdeskError(detail)


def _fields(problem: dict[str, Any]) -> dict[str, str]:
    told = {each["pointer"].lstrip("/").replace("/", "."): each["detail"] for each in problem.get("errors") or []}
    return told or {"request": str(problem["detail"])}

"""How a command fails: an exit code for scripts, a stable code for programs, and one clear line for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import typer

from backdesk.worker.errors import (
    ArchiveUnavailable,
    AskUnknown,
    BackdeskError,
    BlobCorrupt,
    BlobError,
    BlobLocked,
    BlobNotFound,
    BlobStoreUnavailable,
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


class ExitCode(IntEnum):
    """What a script learns from a command; listed in `backdesk --help`."""

    OK = 0
    FAILED = 1
    REFUSED = 2
    NO_CONNECTION = 3
    TIMED_OUT = 4
    INTERRUPTED = 130


class CommandFailed(BackdeskError):
    """A command cannot do what it was asked to. `log` holds the last lines of a process that is to blame."""

    def __init__(self, code: str, message: str, exit_code: ExitCode, log: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.exit_code = exit_code
        self.log = log


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """What is reported of an error."""

    exit_code: int
    code: str
    message: str
    fields: dict[str, str] = field(default_factory=dict)
    log: str = ""

    def document(self) -> dict[str, Any]:
        """Return it as the JSON that `--json` promises."""
        error: dict[str, Any] = {"code": self.code, "message": self.message, "fields": self.fields}
        if self.log:
            error["log"] = self.log.splitlines()
        return {"error": error}


_BLOBS = (BlobNotFound, BlobCorrupt, BlobLocked, BlobStoreUnavailable, BlobError)
#: The first class that fits decides.
_CODES: tuple[tuple[type[BackdeskError], str, ExitCode], ...] = (
    (UnknownKind, "unknown_kind", ExitCode.REFUSED),
    (PayloadTooLarge, "payload_too_large", ExitCode.REFUSED),
    *((each, each.code, ExitCode.FAILED) for each in _BLOBS),
    (QuotaExceeded, "quota_exceeded", ExitCode.REFUSED),
    (InvalidRequest, "invalid_request", ExitCode.REFUSED),
    (IdempotencyConflict, "idempotency_conflict", ExitCode.REFUSED),
    (ConversationBusy, "conversation_busy", ExitCode.REFUSED),
    (ConversationNotFound, "conversation_not_found", ExitCode.REFUSED),
    (JobNotFound, "job_not_found", ExitCode.REFUSED),
    (NotCancellable, "not_cancellable", ExitCode.REFUSED),
    (NotForgettable, "not_forgettable", ExitCode.REFUSED),
    (NotWaiting, "not_waiting", ExitCode.REFUSED),
    (AskUnknown, "ask_unknown", ExitCode.REFUSED),
    (NotReplayable, "not_replayable", ExitCode.REFUSED),
    (KeyNotFound, "key_not_found", ExitCode.REFUSED),
    (WebhookNotFound, "webhook_not_found", ExitCode.REFUSED),
    (ScheduleNotFound, "schedule_not_found", ExitCode.REFUSED),
    (ScheduleExists, "schedule_exists", ExitCode.REFUSED),
    (ConfigurationError, "configuration", ExitCode.REFUSED),
    (ArchiveUnavailable, "no_archive", ExitCode.NO_CONNECTION),
    (StoreFull, "store_full", ExitCode.NO_CONNECTION),
    (NotPermitted, "not_permitted", ExitCode.NO_CONNECTION),
    (StoreUnavailable, "no_connection", ExitCode.NO_CONNECTION),
    (ResultTimeout, "timed_out", ExitCode.TIMED_OUT),
    (JobFailed, "job_failed", ExitCode.FAILED),
    (BackdeskError, "error", ExitCode.FAILED),
)


def report_on(error: BackdeskError | typer.TyperException) -> ErrorReport:
    """Return what to report of an expected error."""
    if isinstance(error, typer.TyperException):
        return ErrorReport(ExitCode.REFUSED, "usage", _usage(error))
    if isinstance(error, CommandFailed):
        return ErrorReport(error.exit_code, error.code, str(error), log=error.log)
    code, exit_code = next((code, exit_code) for kind, code, exit_code in _CODES if isinstance(error, kind))
    fields = error.fields if isinstance(error, InvalidRequest) else {}
    return ErrorReport(exit_code, code, str(error), fields)


def _usage(error: typer.TyperException) -> str:
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    return f"{message}; see `{context.command_path} --help`" if context else message

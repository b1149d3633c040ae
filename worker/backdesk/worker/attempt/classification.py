"""The classification of errors: one table of all that a body, a tool, a model or Redis can raise.

A deployment adds its own errors where it defines or imports them; the nearest class decides:

    @classify.register
    def _(error: CardDeclined) -> Failure: ...
"""

from __future__ import annotations

import asyncio
import errno
import functools
import json
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from itertools import islice

import redis.exceptions as redis
from pydantic import ValidationError

from backdesk.worker.attempt.http_status import of_http
from backdesk.worker.errors import (
    BlobCorrupt,
    BlobError,
    BlobLocked,
    BlobNotFound,
    BlobStoreUnavailable,
    BlobTooLarge,
    ConfigurationError,
    InvalidRequest,
    Limited,
    StoreUnavailable,
    TaskError,
)
from backdesk.worker.failure import USUAL_SEVERITY, Category, Failure, Severity
from backdesk.worker.model.contract import field_errors
from backdesk.worker.process.event_loop import LoopBlocked
from backdesk.worker.text.json import printable
from backdesk.worker.text.masking import mask

log = logging.getLogger(__name__)

#: The category of a class of errors, and whether such an error passes by itself.
_CLASSES: dict[type[BaseException], tuple[Category, bool]] = {
    PermissionError: (Category.AUTHORIZATION, False),
    TimeoutError: (Category.TIMEOUT, True),
    ConnectionError: (Category.NETWORK, True),
    socket.gaierror: (Category.NETWORK, True),
    ssl.SSLError: (Category.NETWORK, True),
    ssl.SSLCertVerificationError: (Category.NETWORK, False),
    RecursionError: (Category.RESOURCE_EXHAUSTION, False),
    UnicodeError: (Category.DATA_CORRUPTION, False),
    json.JSONDecodeError: (Category.DATA_CORRUPTION, False),
    StoreUnavailable: (Category.NETWORK, True),
    redis.ConnectionError: (Category.NETWORK, True),
    redis.TimeoutError: (Category.NETWORK, True),
    redis.ReadOnlyError: (Category.NETWORK, True),
    redis.ClusterDownError: (Category.NETWORK, True),
    redis.TryAgainError: (Category.NETWORK, True),
    redis.AuthenticationError: (Category.AUTHENTICATION, False),
    redis.AuthenticationWrongNumberOfArgsError: (Category.AUTHENTICATION, False),
    redis.AuthorizationError: (Category.AUTHORIZATION, False),
    redis.NoPermissionError: (Category.AUTHORIZATION, False),
    redis.MaxConnectionsError: (Category.RESOURCE_EXHAUSTION, True),
    redis.OutOfMemoryError: (Category.RESOURCE_EXHAUSTION, True),
}
_BLOBS: dict[type[BlobError], Category] = {
    BlobNotFound: Category.DATA_CORRUPTION,
    BlobCorrupt: Category.DATA_CORRUPTION,
    BlobLocked: Category.AUTHORIZATION,
    BlobTooLarge: Category.RESOURCE_EXHAUSTION,
    BlobStoreUnavailable: Category.NETWORK,
}
_EXHAUSTED = {errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EDQUOT}
_UNREACHABLE = {errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH, errno.ENETDOWN}
_GRAVITY = {severity: rank for rank, severity in enumerate(Severity)}
#: How many reasons of one refused value are kept: a list of a million wrong items has as many.
MOST_FIELDS = 100


class Classification:
    """Rules by class of error. `register` is that of `functools.singledispatch`."""

    def __init__(self, unrecognized: Callable[[BaseException], Failure]) -> None:
        self._rules = functools.singledispatch(unrecognized)
        self.register = self._rules.register

    def __call__(self, error: BaseException) -> Failure:
        """Say what an error means. Raises nothing, whatever the error's attributes or a rule do."""
        try:
            return Failure.model_validate(self._rules(error))
        except BaseException:  # the error is a body's and may do anything when it is looked at, exit even
            log.warning("classification_failed", exc_info=True)
            return _unknown(error)


def unrecognized(error: BaseException) -> Failure:
    """Describe an error that no rule knows: by the HTTP status that it carries, otherwise as unknown."""
    return of_http(error) or _unknown(error)


def _unknown(error: BaseException) -> Failure:
    # Not known to be permanent; whether the unknown is worth another attempt is for a retry policy to say.
    return Failure.of(error, Category.UNKNOWN, transient=True, code="exception")


classify = Classification(unrecognized)
for _class, (_category, _transient) in _CLASSES.items():
    classify.register(_class, functools.partial(Failure.of, category=_category, transient=_transient))


@classify.register
def _of_task_error(error: TaskError) -> Failure:
    return Failure(
        code=error.code,
        message=error.message,
        category=error.category,
        severity=error.severity,
        transient=error.transient,
        retry_after_s=error.retry_after_s,
    )


@classify.register
def _of_blob(error: BlobError) -> Failure:
    category = _BLOBS.get(type(error), Category.UNKNOWN)
    return Failure.of(error, category, transient=category is Category.NETWORK, code=error.code)


@classify.register
def _of_configuration(error: ConfigurationError) -> Failure:
    # What is missing is for the operator to set or to install: no attempt finds it.
    return Failure(code="not_configured", message=mask(printable(error)), severity=USUAL_SEVERITY[Category.UNKNOWN])


@classify.register
def _of_limit(error: Limited) -> Failure:
    wait = error.retry_after_s
    return Failure.of(error, Category.RATE_LIMIT, transient=True, code="limited", retry_after_s=wait)


@classify.register
def _of_cancellation(error: asyncio.CancelledError) -> Failure:
    return Failure(code="cancelled_itself", message="the body ended itself by cancellation")


@classify.register
def _of_a_blocked_loop(error: LoopBlocked) -> Failure:
    return Failure.of(error, Category.RESOURCE_EXHAUSTION, transient=False, code="loop_blocked")


@classify.register
def _of_invalid_data(error: ValidationError) -> Failure:
    return _invalid(error, field_errors(error))


@classify.register
def _of_invalid_request(error: InvalidRequest) -> Failure:
    return _invalid(error, error.fields)


def _invalid(error: Exception, fields: dict[str, str]) -> Failure:
    kept = dict(islice(fields.items(), MOST_FIELDS))
    return Failure.of(error, Category.VALIDATION, transient=False, code="invalid_data", fields=kept)


@classify.register
def _of_lack_of_memory(error: MemoryError) -> Failure:
    return Failure.of(error, Category.RESOURCE_EXHAUSTION, transient=True, severity=Severity.CRITICAL)


@classify.register
def _of_system_call(error: OSError) -> Failure:
    if error.errno in _EXHAUSTED:
        severity = Severity.CRITICAL if error.errno == errno.ENOSPC else Severity.HIGH
        return Failure.of(error, Category.RESOURCE_EXHAUSTION, transient=True, severity=severity)
    if error.errno in _UNREACHABLE:
        return Failure.of(error, Category.NETWORK, transient=True)
    return unrecognized(error)  # some HTTP clients derive theirs from OSError


@classify.register(BaseExceptionGroup)
def _of_group(group: BaseExceptionGroup[BaseException]) -> Failure:
    """Let one error speak for all: the gravest that is permanent, else the one to wait longest for.

    An unknown one goes before those that are known to pass: who retries must be willing to retry each of them.
    """
    failures = [classify(error) for error in _leaves(group)]
    if permanent := [failure for failure in failures if not failure.transient]:
        return max(permanent, key=lambda failure: _GRAVITY[failure.severity])
    return max(failures, key=lambda failure: (failure.category is Category.UNKNOWN, failure.retry_after_s or 0))


def _leaves(group: BaseException) -> Iterator[BaseException]:
    """Yield the errors of a group in order; without recursion, because groups nest as deeply as tasks do."""
    waiting = [group]
    while waiting:
        error = waiting.pop()
        if isinstance(error, BaseExceptionGroup):
            waiting.extend(reversed(error.exceptions))
        else:
            yield error

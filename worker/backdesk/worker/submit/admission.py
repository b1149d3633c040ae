"""The edge: what is asked for becomes a job that can be written, or is refused with the field and the reason.

Clients and the intake of plain Celery messages admit by the same rules.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from backdesk.worker.errors import (
    ConversationBusy,
    IdempotencyConflict,
    InvalidRequest,
    PayloadTooLarge,
    QuotaExceeded,
    StoreFull,
    TaskError,
)
from backdesk.worker.memory.conversation import check_conversation_id
from backdesk.worker.model.budget import Budget
from backdesk.worker.model.contract import CONVERSATION_FIELD, MOST_SLOTS, RequestCheck, encode_json, field_errors
from backdesk.worker.model.job import MAX_PRIORITY, NAME_PATTERN
from backdesk.worker.model.options import TRACEPARENT, WHEN_BUSY, JobOptions
from backdesk.worker.model.retry import RetryPolicy
from backdesk.worker.model.webhook import is_delivery
from backdesk.worker.store.calls import flag, optional
from backdesk.worker.store.jobs import NewJob, Parentage, SubmitCode, When
from backdesk.worker.store.moments import milliseconds
from backdesk.worker.text.json import excerpt

#: Metadata is for labels, not for a second payload. Bytes of JSON.
MAX_METADATA_BYTES = 16 * 1024
MAX_IDEMPOTENCY_KEY = 256
#: How far ahead a job may be put off, or be of use: what is farther is a mistake of units.
FARTHEST = timedelta(days=3650)

_NAME = re.compile(NAME_PATTERN)


def admit(
    job_id: str,
    kind: str,
    request: object,
    check: RequestCheck,
    options: JobOptions,
    *,
    max_request_bytes: int,
    now: datetime | None = None,
    parent: Parentage | None = None,
    origin: str = "",
    resumes: bool | str = False,
) -> NewJob:
    """Check everything about a job. Raises InvalidRequest; writes nothing."""
    check_name("job_id", job_id)
    check_name("tenant", options.tenant)
    if is_delivery(kind) and not origin:
        raise InvalidRequest("kind", f"jobs of {kind!r} are made of events alone: see `backdesk webhooks`")
    _check_priority(options.priority)
    encoded = check.encode(_in_conversation(request, check, options.conversation_id))
    if len(encoded) > max_request_bytes:
        raise PayloadTooLarge("request", len(encoded), max_request_bytes)
    now = now or datetime.now(UTC)
    return NewJob(
        id=job_id,
        kind=kind,
        tenant=options.tenant,
        queue=check.queue,
        priority=optional(options.priority),
        request=encoded,
        fingerprint=fingerprint(options.tenant, kind, encoded),
        idempotency_key=check_key("idempotency_key", options.idempotency_key),
        run_at_ms=_run_at(options, now),
        expires_at_ms=_limit("expires", options.expires, now),
        start_by_ms=_limit("start_by", options.start_by, now),
        timeout_ms=optional(_positive("timeout", options.timeout)),
        retry=_retry(options.retry),
        metadata=_metadata(options.metadata),
        # A child runs in the turn of its parent, which waits for it.
        conversation="" if parent else _conversation(job_id, encoded, check, options),
        when_busy=options.when_busy,
        idempotency_ttl_ms=optional(_positive("idempotency_ttl", options.idempotency_ttl)),
        idempotency_while_active=flag(_while_active(options)),
        origin=origin,
        resumes=resumes if isinstance(resumes, str) else flag(resumes),
        budget=_budget(options.budget),
        slots=optional(_slots(options.slots)),
        traceparent=_traceparent(options.traceparent),
        **(asdict(parent) if parent else {}),
    )


def _traceparent(value: str | None) -> str:
    if value is not None and not TRACEPARENT.fullmatch(value):
        raise InvalidRequest("traceparent", f"{value!r} must be VERSION-TRACE-SPAN-FLAGS in hexadecimal, as W3C has it")
    return value or ""


def refusal(field: str, *, tenant: str) -> InvalidRequest:
    """Return why the store did not take a job, given the field that is to blame (SubmitCode.FORBIDDEN)."""
    if field == "kind":
        return InvalidRequest("kind", f"tenant {tenant!r} may not have jobs of this kind")
    return InvalidRequest("tenant", f"{tenant!r} is not a tenant here: set it up with `backdesk tenants set {tenant}`")


def refused(code: int, found: str, *, tenant: str) -> InvalidRequest | StoreFull | TaskError | None:
    """Return why the store would not take a job of a tenant at all, given its answer; None when that is not so."""
    if code == SubmitCode.FORBIDDEN:
        return refusal(found, tenant=tenant)
    if code == SubmitCode.TOO_DEEP:
        deep = f"jobs may call each other {found} levels deep, and this is the last: does a kind call itself?"
        return TaskError("too_deep", deep)
    if code == SubmitCode.OVER_QUOTA:
        quota, used, limit = found.split()
        return QuotaExceeded(tenant, quota, int(used), int(limit))
    if code == SubmitCode.STORE_FULL:
        used, limit = found.split()
        return StoreFull(int(used), int(limit))
    return None


def check_taken(job: NewJob, code: SubmitCode, found: str) -> None:
    """Raise what it means for a client that the store did not take a job, given its answer.

    That is IdempotencyConflict, ConversationBusy, InvalidRequest (QuotaExceeded) or StoreFull. Returns for one that is
    new or there already.
    """
    if code is SubmitCode.CONFLICT:
        raise IdempotencyConflict(found)
    if code is SubmitCode.BUSY:
        raise ConversationBusy(job.conversation, found)
    if error := refused(code, found, tenant=job.tenant):
        raise error


def fingerprint(tenant: str, kind: str, encoded: bytes) -> str:
    """Return what tells two requests apart: 128 bits over the tenant, the kind and the encoded request."""
    return hashlib.blake2b(f"{tenant}\0{kind}\0".encode() + encoded, digest_size=16).hexdigest()


def check_name(field: str, value: object) -> None:
    """Raise InvalidRequest for what cannot be the id of a job or the name of a tenant."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise InvalidRequest(field, f"{value!r} must be 1 to 128 letters, digits, or any of _ . @ -")


def _check_priority(value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_PRIORITY:
        raise InvalidRequest(
            "priority", f"{value!r} must be a whole number from 0 to {MAX_PRIORITY}, {MAX_PRIORITY} first"
        )


def _slots(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MOST_SLOTS:
        raise InvalidRequest("slots", f"{value!r} must be a whole number from 1 to {MOST_SLOTS}")
    return value


def check_key(field: str, key: str | None) -> str:
    """Return a key of the caller's own choosing, "" for none; raises InvalidRequest for what cannot be one."""
    if key is None:
        return ""
    if not isinstance(key, str) or not key or len(key) > MAX_IDEMPOTENCY_KEY:
        raise InvalidRequest(field, f"must be 1 to {MAX_IDEMPOTENCY_KEY} characters")
    encode_json(field, key)
    return key


def _metadata(metadata: Mapping[str, Any] | None) -> bytes:
    if not metadata:
        return b""
    if not isinstance(metadata, Mapping):
        raise InvalidRequest("metadata", f"must be an object, not {type(metadata).__name__}")
    encoded = encode_json("metadata", dict(metadata))
    if len(encoded) > MAX_METADATA_BYTES:
        raise PayloadTooLarge("metadata", len(encoded), MAX_METADATA_BYTES)
    return encoded


def _run_at(options: JobOptions, now: datetime) -> When:
    if options.delay is not None and options.at is not None:
        raise InvalidRequest("delay", "give either a delay or a moment (at), not both")
    if options.delay is not None:
        return _from_now(_milliseconds("delay", options.delay))
    if options.at is None:
        return ""
    if not isinstance(options.at, datetime):
        raise InvalidRequest("at", f"{options.at!r} must be a datetime")
    return _bounded("at", options.at, now)


def _limit(field: str, limit: float | timedelta | datetime | None, now: datetime) -> When:
    if limit is None:
        return ""
    if isinstance(limit, datetime):
        limit_ms: When = _bounded(field, limit, now)
        left_ms = _bounded(field, limit, now) - milliseconds(now)
    else:
        left_ms = _milliseconds(field, limit)
        limit_ms = _from_now(left_ms)
    if left_ms <= 0:
        raise InvalidRequest(field, "is in the past: the job could never run")
    return limit_ms


def _from_now(ms: int) -> When:
    """Return a time from now as the store takes it: it adds its own clock, since ours may be wrong."""
    return f"+{ms}"


def _milliseconds(field: str, value: float | timedelta) -> int:
    return round(_span(field, value).total_seconds() * 1000)


def _positive(field: str, value: float | timedelta | None) -> int | None:
    if value is None:
        return None
    span_ms = _milliseconds(field, value)
    if span_ms < 1:
        raise InvalidRequest(field, f"{value!r} must be more than nothing")
    return span_ms


def _while_active(options: JobOptions) -> bool:
    for field in ("idempotency_ttl", "idempotency_while_active"):
        if getattr(options, field) and options.idempotency_key is None:
            raise InvalidRequest(field, "is about an idempotency_key; give one")
    return bool(options.idempotency_while_active)


def conversation_of(request: object) -> object:
    """Return what a request names as its conversation; None when it names none. Raises InvalidRequest for no JSON."""
    return _fields(request).get(CONVERSATION_FIELD) or None


def _in_conversation(request: object, check: RequestCheck, option: str | None) -> object:
    """Return the request with the conversation that the option names, where its kind has a field for it."""
    if option is None or not check.converses:
        return request
    name, said = check_conversation_id(option), conversation_of(request)
    if said is not None and said != name:
        reason = f"is {excerpt(said)} in the request and {name!r} beside it, which are one thing: give it once"
        raise InvalidRequest(CONVERSATION_FIELD, reason)
    # As plain JSON, so that what the kind demands of the field is demanded of this value too.
    return request if said else {**_fields(request), CONVERSATION_FIELD: name}


def _fields(request: object) -> dict[str, Any]:
    fields = from_json(encode_json("request", request))
    return fields if isinstance(fields, dict) else {}


def _conversation(job_id: str, encoded: bytes, check: RequestCheck, options: JobOptions) -> str:
    if options.when_busy not in WHEN_BUSY:
        raise InvalidRequest("when_busy", f"{options.when_busy!r} must be one of {', '.join(WHEN_BUSY)}")
    value = options.conversation_id
    if value is None and check.converses:
        # The first message of a conversation names none: it is the job's own.
        value = from_json(encoded).get(CONVERSATION_FIELD) or job_id
    if value is None:
        if options.when_busy != WHEN_BUSY[0]:
            raise InvalidRequest("when_busy", "is about a conversation_id; give one")
        return ""
    return check_conversation_id(value)


def _retry(retry: RetryPolicy | Mapping[str, Any] | None) -> str:
    if retry is None:
        return ""
    try:
        return RetryPolicy.model_validate(retry).model_dump_json()
    except ValidationError as error:
        raise InvalidRequest.of({f"retry.{name}": why for name, why in field_errors(error).items()}) from None


def _budget(budget: Budget | Mapping[str, Any] | None) -> str:
    if budget is None:
        return ""
    try:
        return Budget.model_validate(budget).encoded()
    except ValidationError as error:
        found = field_errors(error)
        raise InvalidRequest.of(
            {"budget" if name == "request" else f"budget.{name}": why for name, why in found.items()}
        ) from None


def _span(field: str, value: float | timedelta) -> timedelta:
    try:
        span = value if isinstance(value, timedelta) else timedelta(seconds=value)
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequest(field, f"{value!r} must be a number of seconds") from None
    if not timedelta(0) <= span <= FARTHEST:
        raise InvalidRequest(field, f"{value!r} must be between 0 seconds and ten years")
    return span


def _bounded(field: str, moment: datetime, now: datetime) -> int:
    try:
        at_ms = milliseconds(moment)
    except OverflowError:
        at_ms = -1
    if not 0 <= at_ms <= milliseconds(now + FARTHEST):
        raise InvalidRequest(field, f"{moment} must lie between 1970 and ten years from now")
    return at_ms

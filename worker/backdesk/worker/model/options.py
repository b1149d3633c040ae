"""What may be said of a job besides its kind and its request. Plain values; `admission` checks them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, TypedDict

from backdesk.worker.model.budget import Budget
from backdesk.worker.model.job import DEFAULT_TENANT
from backdesk.worker.model.retry import RetryPolicy

#: What happens to a new job of a conversation while another goes on; the first is the default.
WHEN_BUSY = ("enqueue", "reject", "interrupt", "steer")

#: A trace context: version, trace, span and flags. https://www.w3.org/TR/trace-context/#traceparent-header
TRACEPARENT = re.compile("(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """What a job may say of another one that it calls: all that is not settled by who calls. Numbers are seconds.

    `delay` postpones it. `expires` ends it when it is not done by then (a moment, naive as UTC, or a time from now),
    `timeout` limits the length of each attempt. `retry` takes the place of the kind's policy, `budget`, what the job
    may spend, of the kind's budget, and `slots`, how many of its worker's slots it takes, of the kind's.
    """

    priority: int | None = None
    delay: float | timedelta | None = None
    expires: float | timedelta | datetime | None = None
    timeout: float | timedelta | None = None
    retry: RetryPolicy | Mapping[str, Any] | None = None
    budget: Budget | Mapping[str, Any] | None = None
    slots: int | None = None
    metadata: Mapping[str, Any] | None = None

    def given(self) -> dict[str, Any]:
        """Return those of these options that are given, by name."""
        return {field.name: value for field in fields(CallOptions) if (value := getattr(self, field.name)) is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions(CallOptions):
    """Everything about a job besides its kind and request; the first of it is explained at `CallOptions`.

    `at` postpones it in place of `delay`. `start_by` ends it when it has not begun by then, a moment or a time from
    now. `priority` is the tenant's unless given. An idempotency key finds its job as long as that is kept, or only for
    `idempotency_ttl`, or only `idempotency_while_active`: as long as the job has not ended. Jobs of a tenant with one
    `conversation_id` run one at a time, in the order of their arrival; `when_busy` says what happens to a new one while
    another goes on: `enqueue`, `reject` (ConversationBusy), `interrupt`, which cancels those before it, or `steer`: it
    waits as well, and if the job that goes on takes its message up, that job answers it. Where the request has a field
    `conversation_id`, the two are one: each fills the other, and a contradiction is refused. `traceparent` is the trace
    context (W3C) of what asks for the job, to which its attempts are linked.
    """

    tenant: str = DEFAULT_TENANT
    at: datetime | None = None
    start_by: float | timedelta | datetime | None = None
    idempotency_key: str | None = None
    idempotency_ttl: float | timedelta | None = None
    idempotency_while_active: bool = False
    conversation_id: str | None = None
    when_busy: str = WHEN_BUSY[0]
    traceparent: str | None = None


# Python has no keyword arguments that are the fields of a dataclass; a test compares the two with those above.
class CallKeywords(TypedDict, total=False):
    """The fields of `CallOptions`, as keyword arguments."""

    priority: int | None
    delay: float | timedelta | None
    expires: float | timedelta | datetime | None
    timeout: float | timedelta | None
    retry: RetryPolicy | Mapping[str, Any] | None
    budget: Budget | Mapping[str, Any] | None
    slots: int | None
    metadata: Mapping[str, Any] | None


class Options(CallKeywords, total=False):
    """The fields of `JobOptions`, as keyword arguments."""

    tenant: str
    at: datetime | None
    start_by: float | timedelta | datetime | None
    idempotency_key: str | None
    idempotency_ttl: float | timedelta | None
    idempotency_while_active: bool
    conversation_id: str | None
    when_busy: str
    traceparent: str | None

"""What is told of a job: that it was sent, each attempt at it, and the steps of these.

An attempt may begin days after the submit, and there may be many: its span is the root of a trace of its own, linked to
the span of the submit, and not a child of that.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeVar

from opentelemetry import context, metrics, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from backdesk.worker.model.job import Claim, Failed, Outcome, Retried, Usage
from backdesk.worker.pipeline import Pipeline
from backdesk.worker.store.jobs import NewJob
from backdesk.worker.telemetry import names
from backdesk.worker.text.json import decode

T = TypeVar("T")
Attributes = Mapping[str, str | bool | int | float | Sequence[str]]

_TRACE_CONTEXT = TraceContextTextMapPropagator()
_HEADER = "traceparent"
#: Where a context keeps what every span of an attempt is told to be of.
OF_ATTEMPT = context.create_key("backdesk-attempt")
#: A request that is larger is not read for the customer that it names. Bytes.
_LARGEST_READ = 64 * 1024


class Tracing:
    """Tells of jobs to whatever tracer and meter this process has. `content` is whether agents tell what is said."""

    def __init__(self, *, content: bool) -> None:
        self.content = content
        self._tracer = trace.get_tracer("backdesk", schema_url=names.SCHEMA_URL)
        meter = metrics.get_meter("backdesk", schema_url=names.SCHEMA_URL)
        self._sent = meter.create_counter(names.SENT_MESSAGES, "{message}", "Jobs that were submitted.")
        self._consumed = meter.create_counter(names.CONSUMED_MESSAGES, "{message}", "Attempts that were begun.")
        self._duration = meter.create_histogram(names.PROCESS_DURATION, "s", "How long attempts took.")

    @contextmanager
    def sending(self, jobs: Sequence[NewJob]) -> Iterator[list[NewJob]]:
        """Tell of a submit: one span for each queue, whose context the jobs of that carry."""
        sends = [self._send([*its]) for _, its in groupby(sorted(jobs, key=_queue), key=_queue)]
        carried = {job.id: job for send in sends for job in send.jobs}
        try:
            yield [carried[job.id] for job in jobs]
        except BaseException as error:
            self._end_sends(sends, type(error).__name__)
            raise
        self._end_sends(sends, None)

    def _send(self, jobs: list[NewJob]) -> _Send:
        first, alone = jobs[0], len(jobs) == 1
        attributes = {
            **_messaging(first.queue, names.SEND),
            **({names.MESSAGE_ID: first.id} if alone else {names.BATCH_COUNT: len(jobs)}),
            **({names.MESSAGE_SIZE: len(first.request)} if alone else {}),
            **({names.MESSAGE_CONVERSATION: first.conversation} if alone and first.conversation else {}),
            names.KIND: first.kind,
        }
        around = _around(first.traceparent)
        span = self._tracer.start_span(f"{names.SEND} {first.queue}", around, SpanKind.PRODUCER, attributes)
        header = _header_of(span)
        return _Send(span, first.queue, [replace(job, traceparent=header) for job in jobs] if header else jobs)

    def _end_sends(self, sends: list[_Send], error: str | None) -> None:
        for send in sends:
            attributes = _messaging(send.queue, names.SEND) | ({names.ERROR_TYPE: error} if error else {})
            self._sent.add(len(send.jobs), attributes)
            _end(send.span, error)

    @contextmanager
    def processing(self, claim: Claim) -> Iterator[Processing]:
        """Tell of an attempt: what is told within the block is within its span."""
        of = _of_attempt(claim)
        messaging = _messaging(claim.queue, names.PROCESS)
        attributes = {**messaging, **_of_claim(claim), **of.on_root, **of.on_all}
        link = _context_of(claim.traceparent)
        span = self._tracer.start_span(
            f"{names.PROCESS} {claim.queue}",
            Context(),
            SpanKind.CONSUMER,
            attributes,
            links=[Link(link)] if link.is_valid else [],
        )
        self._consumed.add(1, messaging)
        attempt = Processing(span)
        token = context.attach(context.set_value(OF_ATTEMPT, of, trace.set_span_in_context(span, Context())))
        began = time.monotonic()
        try:
            yield attempt
        finally:
            context.detach(token)
            error = {names.ERROR_TYPE: attempt.error} if attempt.error else {}
            self._duration.record(time.monotonic() - began, messaging | error)
            _end(span, attempt.error)

    def step(self, pipeline: Pipeline[T], key: str, effect: str, *, replayed: bool) -> Pipeline[T]:
        """Tell of a step while it runs. Its name is its key as far as a colon, so that there are few names."""
        attributes: Attributes = {names.STEP_KEY: key, names.STEP_EFFECT: effect, names.REPLAYED: replayed}
        span = self._tracer.start_span(f"step {key.partition(':')[0]}", attributes=attributes)
        token = context.attach(trace.set_span_in_context(span))
        error: str | None = None
        try:
            return (yield from pipeline)
        except Exception as raised:
            error = type(raised).__name__
            raise
        finally:
            context.detach(token)
            _end(span, error)


@dataclass(frozen=True, slots=True)
class _Send:
    span: Span
    queue: str
    jobs: list[NewJob]


@dataclass(frozen=True, slots=True)
class OfAttempt:
    """What an attempt is of: told of all its spans, of those of agents besides, and of its own."""

    on_all: Attributes
    on_agents: Attributes
    on_root: Attributes


class Processing:
    """The span of an attempt, which is told how that has ended."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self.error: str | None = None

    def ended(self, outcome: Outcome | None, usage: Usage) -> None:
        """Tell the outcome; None is that of an attempt that has lost its job to another."""
        self._span.set_attribute(names.OUTCOME, type(outcome).__name__.lower() if outcome else "lost")
        self._span.set_attributes(_usage(usage))
        if isinstance(outcome, Failed | Retried):
            self.error = outcome.failure.code


def _end(span: Span, error: str | None) -> None:
    """End a span; of an error its type is told and never its text, in which there may be anything."""
    if error:
        span.set_attribute(names.ERROR_TYPE, error)
        span.set_status(Status(StatusCode.ERROR, error))
    span.end()


def _messaging(queue: str, operation: str) -> dict[str, Any]:
    return {
        names.SYSTEM: names.BACKDESK,
        names.DESTINATION: queue,
        names.OPERATION_NAME: operation,
        names.OPERATION_TYPE: operation,
    }


def _of_claim(claim: Claim) -> dict[str, Any]:
    parent = {names.PARENT: claim.parent} if claim.parent else {}
    return {names.MESSAGE_ID: claim.job_id, names.KIND: claim.kind, names.ATTEMPT: claim.attempt, **parent}


def _of_attempt(claim: Claim) -> OfAttempt:
    named = _named(claim.request)
    conversation, customer = claim.conversation, named.get("customer_id")
    session = {names.SESSION: conversation} if conversation else {}
    return OfAttempt(
        on_all={names.USER: hashed(claim.tenant, customer), **session},
        on_agents={names.GEN_AI_CONVERSATION: conversation} if conversation else {},
        on_root={
            names.LANGFUSE_TAGS: [claim.kind],
            names.OPENINFERENCE_KIND: names.CHAIN,
            **({names.MESSAGE_CONVERSATION: conversation} if conversation else {}),
        },
    )


def hashed(tenant: str, customer: str | None) -> str:
    """Return whom a job is for, as that is told outside: always the same, and not who it is."""
    return hashlib.sha256(f"{tenant}/{customer or ''}".encode()).hexdigest()[:16]


def _named(request: bytes) -> dict[str, str]:
    """Return the fields of a request that are text, as far as it is small enough to be read once more."""
    try:
        read = decode(request) if 0 < len(request) <= _LARGEST_READ else None
    except ValueError:
        return {}
    return {name: value for name, value in read.items() if isinstance(value, str)} if isinstance(read, dict) else {}


def _usage(usage: Usage) -> dict[str, Any]:
    told = {
        names.INPUT_TOKENS: usage.input_tokens,
        names.OUTPUT_TOKENS: usage.output_tokens,
        names.COST_USD: usage.cost_usd,
    }
    return {name: value for name, value in told.items() if value}


_queue = attrgetter("queue")


def _around(traceparent: str) -> Context | None:
    """Return what a submit is within: the span here, unless the context that was given is of another trace."""
    given = _context_of(traceparent)
    if not given.is_valid or trace.get_current_span().get_span_context().trace_id == given.trace_id:
        return None
    return _TRACE_CONTEXT.extract({_HEADER: traceparent}, Context())


def _context_of(traceparent: str) -> SpanContext:
    extracted = _TRACE_CONTEXT.extract({_HEADER: traceparent}, Context()) if traceparent else Context()
    return trace.get_current_span(extracted).get_span_context()


def _header_of(span: Span) -> str:
    carrier: dict[str, str] = {}
    _TRACE_CONTEXT.inject(carrier, trace.set_span_in_context(span, Context()))
    return carrier.get(_HEADER, "")

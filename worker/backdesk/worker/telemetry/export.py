"""The way of spans and metrics to a collector, by OTLP over HTTP, as the `OTEL_*` variables of OpenTelemetry say.

What is told goes into a queue in memory, out of which a thread sends it: nobody waits for a collector, and what one
that is away does not take is dropped.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from importlib.metadata import version
from threading import Thread

from opentelemetry import context, metrics, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import ProxyTracerProvider, Status

from backdesk.worker.telemetry import names
from backdesk.worker.telemetry.spans import OF_ATTEMPT, OfAttempt

log = logging.getLogger(__name__)

#: How long the end of a process waits until what is told has been sent. Seconds.
FLUSH_S = 5.0
_EXCEPTION, _EXCEPTION_TYPE = "exception", "exception.type"
#: Links that let somebody in are paths and queries; the route says what was asked.
_URLS = frozenset({"url.path", "url.query", "url.full"})


class Export:
    """Sends what this process tells. A tracer that the program around us has set up is left as it is, and used.

    Without `content` the texts of errors, and URLs, stay here, too: libraries put them into their spans.
    """

    def __init__(self, service: str, *, content: bool) -> None:
        self._closing: list[Callable[[], object]] = []
        resource = _resource(service)
        if isinstance(trace.get_tracer_provider(), ProxyTracerProvider):
            tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
            tracers.add_span_processor(OfAttempts())
            if os.environ.get("OTEL_TRACES_EXPORTER", "otlp") != "none":
                exporter = OTLPSpanExporter()
                tracers.add_span_processor(BatchSpanProcessor(exporter if content else WithoutTexts(exporter)))
            trace.set_tracer_provider(tracers)
            self._closing.append(tracers.shutdown)
            if os.environ.get("OTEL_METRICS_EXPORTER", "otlp") != "none":
                reader = PeriodicExportingMetricReader(OTLPMetricExporter())
                meters = MeterProvider([reader], resource, shutdown_on_exit=False)
                metrics.set_meter_provider(meters)
                self._closing.append(meters.shutdown)

    def close(self) -> None:
        """Send what is left, and stop; at most FLUSH_S, whatever the collector does."""
        ends = [Thread(target=end, name="backdesk-otel-end", daemon=True) for end in self._closing]
        for each in ends:
            each.start()
        for each in ends:
            each.join(FLUSH_S)
            if each.is_alive():
                log.warning("telemetry_not_sent", extra={"waited_s": FLUSH_S})


def _resource(service: str) -> Resource:
    said = "OTEL_SERVICE_NAME" in os.environ or SERVICE_NAME in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return Resource.create({SERVICE_VERSION: version("backdesk"), **({} if said else {SERVICE_NAME: service})})


class OfAttempts(SpanProcessor):
    """Says of each span that begins within an attempt what that is of, as Langfuse and Phoenix group by it."""

    def on_start(self, span: SdkSpan, parent_context: Context | None = None) -> None:
        """Called as a span begins."""
        of = context.get_value(OF_ATTEMPT, parent_context)
        if isinstance(of, OfAttempt):
            span.set_attributes(of.on_all)
            if names.GEN_AI_OPERATION in (span.attributes or {}):
                span.set_attributes(of.on_agents)


class WithoutTexts(SpanExporter):
    """Exports spans without the texts of errors and URLs, in which there may be what was said, or a secret."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export them; called in the exporter's thread."""
        return self._exporter.export([_without_texts(span) for span in spans])

    def shutdown(self) -> None:
        """Stop."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is left."""
        return self._exporter.force_flush(timeout_millis)


def _without_texts(span: ReadableSpan) -> ReadableSpan:
    described, attributes = span.status.description, span.attributes or {}
    if not span.events and not described and _URLS.isdisjoint(attributes):
        return span
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes={name: value for name, value in attributes.items() if name not in _URLS},
        events=[_event(event) for event in span.events],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code, described.partition(":")[0] if described else None),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _event(event: Event) -> Event:
    if event.name != _EXCEPTION:
        return event
    kept = {_EXCEPTION_TYPE: str((event.attributes or {}).get(_EXCEPTION_TYPE, ""))}
    return Event(event.name, kept, event.timestamp)

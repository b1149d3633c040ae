"""A collector of OpenTelemetry in tests: takes what a real exporter sends over HTTP, and decodes it."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from tests.support.eventually import eventually


@dataclass(frozen=True, slots=True)
class ToldSpan:
    """A span as it came."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent: str
    links: list[str]
    attributes: dict[str, Any]
    failed: bool
    seconds: float
    service: str
    #: Everything of it, as text: what is not in here was not sent.
    text: str


@dataclass
class Collector:
    """What has come so far. While it is not `open` it answers nobody."""

    url: str = ""
    open: threading.Event = field(default_factory=threading.Event)
    spans: list[ToldSpan] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a process sends to it, soon."""
        return {
            "BACKDESK_OTEL": "1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.url,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_METRIC_EXPORT_INTERVAL": "300",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        }

    def named(self, name: str, **attributes: Any) -> list[ToldSpan]:
        """The spans of a name that have these attributes, in whose names `__` stands for a dot."""
        wanted = {key.replace("__", "."): value for key, value in attributes.items()}
        return [each for each in self.spans if each.name == name and wanted.items() <= each.attributes.items()]

    def wait_for(self, name: str, count: int = 1, **attributes: Any) -> list[ToldSpan]:
        """The same, once there are so many."""
        eventually(lambda: len(self.named(name, **attributes)) >= count, 20, what=f"{count} x {name!r}")
        return self.named(name, **attributes)

    def take(self, path: str, body: bytes) -> bytes:
        """Take what was posted; returns the answer."""
        self.open.wait()
        if path == "/v1/metrics":
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope in resource.scope_metrics:
                    self.metrics |= {metric.name: metric for metric in scope.metrics}
            return bytes(ExportMetricsServiceResponse().SerializeToString())
        for traced in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = _values(traced.resource.attributes)["service.name"]
            for told in traced.scope_spans:
                self.spans += [_span(each, service) for each in told.spans]
        return bytes(ExportTraceServiceResponse().SerializeToString())


@contextmanager
def collecting() -> Iterator[Collector]:
    """Listen on a port of this machine."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = collector.take(self.path, gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.open.set()
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.open.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _span(span: trace_pb2.Span, service: str) -> ToldSpan:
    return ToldSpan(
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        links=[link.span_id.hex() for link in span.links],
        attributes=_values(span.attributes),
        failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        service=service,
        text=str(span),
    )


def _values(attributes: Any) -> dict[str, Any]:
    pairs: list[KeyValue] = [*attributes]
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    which = value.WhichOneof("value")
    if which == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, which) if which else None

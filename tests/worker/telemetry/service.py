"""A service with a tracer of its own, that submits one job and then three."""

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from backdesk.client import JobClient

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)

with JobClient() as client, trace.get_tracer("shop").start_as_current_span("checkout"):
    first = client.submit("traced.alone", {"text": "a"})
    batch = client.submit_many("traced.alone", [{"text": "a"}] * 3)
print(first.id, batch[1].id)
provider.shutdown()

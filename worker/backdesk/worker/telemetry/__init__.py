"""Traces and metrics of jobs by OpenTelemetry: what is told of a job on its way, and how it gets to a collector.

Nothing of OpenTelemetry is imported unless it is wanted (`BACKDESK_OTEL`). Imports `store` and below.
Begin with `tracing`.
"""

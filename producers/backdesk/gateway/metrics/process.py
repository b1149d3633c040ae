"""Figures of one gateway process: what it was asked, what it streams, and how late its event loop is."""

from __future__ import annotations

import asyncio
import time
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

#: Seconds until an answer begins. Requests that wait for a job are in the last ones.
REQUEST_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
LAG_BUCKETS_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
#: The loop is asked this often how late it is. Seconds.
LAG_EVERY_S = 0.5


class ProcessMetrics:
    """The figures of a process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "backdesk_gateway_requests",
            "Requests that were answered, by the route that served them.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "backdesk_gateway_request_seconds",
            "From the arrival of a request until its answer began.",
            ["method", "route"],
            buckets=REQUEST_BUCKETS_S,
            registry=self.registry,
        )
        self.requests_open = self._gauge("requests_open", "Requests that are being answered, streams included.")
        self.streams_open = self._gauge("streams_open", "Streams of server-sent events that are open.")
        self.stream_events = self._counter("stream_events", "Events that were sent in streams.")
        self.slow_clients = self._counter("slow_clients", "Streams that were cut off because nobody took them.")
        self.submits = Counter(
            "backdesk_gateway_submits", "Jobs that were submitted here.", ["kind"], registry=self.registry
        )
        self.loop_lag = Histogram(
            "backdesk_gateway_loop_lag_seconds",
            "How late the event loop answers.",
            buckets=LAG_BUCKETS_S,
            registry=self.registry,
        )
        Info("backdesk_gateway", "The version that runs.", registry=self.registry).info(
            {"version": version("backdesk")}
        )
        ProcessCollector(registry=self.registry)

    def _gauge(self, name: str, help_text: str) -> Gauge:
        return Gauge(f"backdesk_gateway_{name}", help_text, registry=self.registry)

    def _counter(self, name: str, help_text: str) -> Counter:
        return Counter(f"backdesk_gateway_{name}", help_text, registry=self.registry)

    def submitted(self, kind: str, jobs: int) -> None:
        """Count jobs of a kind that there is."""
        self.submits.labels(kind).inc(jobs)

    async def watch_loop(self) -> None:
        """Measure how late the event loop is, until cancelled."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(LAG_EVERY_S)
            self.loop_lag.observe(max(time.monotonic() - before - LAG_EVERY_S, 0.0))

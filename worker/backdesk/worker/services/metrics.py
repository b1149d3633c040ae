"""Figures of the whole deployment in the format of Prometheus, read from Redis when they are asked for.

Any worker with a health port serves them, and all serve the same: scrape one of them, or take the maximum.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import redis
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from backdesk.worker.metrics.families import families
from backdesk.worker.metrics.reading import DeploymentReading, read_now
from backdesk.worker.settings import Settings


class Metrics(Collector):
    """The figures of one deployment; each rendering reads them anew. `clock` gives ms in tests."""

    def __init__(self, client: redis.Redis, settings: Settings, clock: Callable[[], int] | None = None) -> None:
        self._client = client
        self._reading = DeploymentReading(settings, clock)
        self._one_at_a_time = threading.Lock()
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def render(self) -> bytes:
        """Return the present figures; raises what redis-py raises when they cannot be read."""
        return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        """Name nothing ahead, so that registering asks nothing of Redis."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Read the figures."""
        with self._one_at_a_time:
            return [*families(read_now(self._client, self._reading.read()))]

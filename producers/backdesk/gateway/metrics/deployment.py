"""Figures of the whole deployment, read when they are asked for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from prometheus_client.core import GaugeMetricFamily, Metric

from backdesk.client import AsyncJobClient
from backdesk.client.operations.operation import Calls, Commands, Operation
from backdesk.client.operations.overview import TenantLoad
from backdesk.worker.errors import StoreUnavailable
from backdesk.worker.metrics.families import families, gauge
from backdesk.worker.metrics.reading import DeploymentReading, Reading
from backdesk.worker.store.scripts import Call

T = TypeVar("T")

#: Scrapes that come together are told the same. Seconds.
FRESH_S = 1.0


class DeploymentMetrics:
    """The figures of one deployment. `tenants` is of how many of the busiest there are figures, too."""

    def __init__(self, client: AsyncJobClient, tenants: int = 0) -> None:
        self._client = client
        self._reading = DeploymentReading(client.deployment.settings)
        self._tenants = tenants
        self._one_at_a_time = asyncio.Lock()
        self._told: list[Metric] = []
        self._told_at = float("-inf")

    async def families(self) -> list[Metric]:
        """Return the present figures; while Redis is away that alone is told."""
        async with self._one_at_a_time:
            if time.monotonic() - self._told_at > FRESH_S:
                self._told = await self._read()
                self._told_at = time.monotonic()
            return self._told

    async def _read(self) -> list[Metric]:
        try:
            figures = await self._client.do(_operation(self._reading.read()))
            busiest = (await self._client.overview(tenants=self._tenants, schedules=1)).tenants if self._tenants else []
        except StoreUnavailable:
            return [_reached(yes=False)]
        return [_reached(yes=True), *families(figures), *_of_tenants(busiest)]


def _reached(*, yes: bool) -> Metric:
    return gauge("store_up", "1 when the gateway could read Redis for this scrape.", {"": yes})


def _of_tenants(tenants: Sequence[TenantLoad]) -> Iterator[Metric]:
    if not tenants:
        return
    queued = GaugeMetricFamily("backdesk_tenant_queued", "Jobs of a busy tenant that are queued.", labels=["tenant"])
    running = GaugeMetricFamily("backdesk_tenant_running", "Slots that its jobs take.", labels=["tenant"])
    for each in tenants:
        queued.add_metric([each.tenant], each.queued)
        running.add_metric([each.tenant], each.running)
    yield from (queued, running)


def _operation(reading: Reading[T]) -> Operation[T]:
    """Return a reading as what a client carries out."""
    try:
        step = next(reading)
        while True:
            if isinstance(step, Call):
                (reply,) = yield Calls([step])
                step = reading.send(reply)
            else:
                step = reading.send((yield Commands(step)))
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # StopIteration carries what the generator returns

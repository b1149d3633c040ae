"""Figures for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, cast

from fastapi import APIRouter, Header, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder

from backdesk.gateway.service import Reader, Served

router = APIRouter(tags=["health"])


class _Chain:
    """The families of a scrape, as far as an encoder looks at a registry."""

    def __init__(self, read: Iterable[Metric], registry: CollectorRegistry) -> None:
        self._read = read
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        yield from self._read
        for family in self._registry.collect():
            # When a series began doubles the series of text, and is of use in OpenMetrics' protocol buffers alone.
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(gateway: Served, caller: Reader, accept: Annotated[str, Header()] = "") -> Any:
    """Return figures of the deployment and of this process, to callers of all tenants."""
    caller.demand_all_tenants()
    read = await gateway.deployment_metrics.families()
    encode, media_type = choose_encoder(accept)
    page = encode(cast("CollectorRegistry", _Chain(read, gateway.process_metrics.registry)))
    return Response(page, headers={"content-type": media_type})

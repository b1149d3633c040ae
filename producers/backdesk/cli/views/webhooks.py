"""Webhook endpoints and deliveries as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from backdesk.cli.output import Output
from backdesk.cli.safe_text import safe_line
from backdesk.cli.views.fitted_table import show_fitted
from backdesk.cli.views.record import age
from backdesk.client.operations.webhooks import EndpointStanding
from backdesk.worker.model.webhook import WebhookDelivery, WebhookEndpoint


def show_endpoints(endpoints: Sequence[WebhookEndpoint], out: Output) -> None:
    """Print endpoints, a line each."""
    for _ in show_fitted(endpoints, out, cells=_cells, style=_style, dispensable=("events", "format")):
        pass


def _cells(endpoint: WebhookEndpoint) -> dict[str, str]:
    return {
        "id": endpoint.id,
        "url": safe_line(endpoint.url),
        "tenant": "all" if endpoint.tenant == "*" else endpoint.tenant,
        "format": endpoint.format,
        "events": ", ".join(endpoint.events),
        "standing": "enabled" if endpoint.enabled else f"disabled: {safe_line(endpoint.disabled_because)}",
    }


def _style(endpoint: WebhookEndpoint, column: str) -> str:
    return "yellow" if column == "standing" and not endpoint.enabled else ""


def show_endpoint(standing: EndpointStanding, out: Output) -> None:
    """Print one, and how deliveries to it have gone."""
    health = standing.health
    for name, value in _cells(standing.endpoint).items():
        out.line(f"{name}: {value}")
    out.line(f"delivered: {health.delivered}, given up: {health.failed}, dropped: {health.dropped}")
    out.line(f"waiting: {health.waiting}, under way: {health.under_way}")
    if health.failing_since:
        out.line(f"failing for {age(health.failing_since)}, last with {health.failed_with}", "yellow")


def show_deliveries(deliveries: Sequence[WebhookDelivery], out: Output) -> None:
    """Print deliveries, a line each."""
    for _ in show_fitted(deliveries, out, cells=_delivery_cells, style=_delivery_style, dispensable=("of", "attempt")):
        pass


def _delivery_cells(delivery: WebhookDelivery) -> dict[str, str]:
    return {
        "delivery": delivery.id,
        "type": delivery.type,
        "of": safe_line(delivery.job_id or ""),
        "state": delivery.state,
        "attempt": str(delivery.attempt),
        "made": f"{age(delivery.created_at)} ago",
        "why": delivery.code,
    }


def _delivery_style(delivery: WebhookDelivery, column: str) -> str:
    return "yellow" if column == "why" or (column == "state" and delivery.state == "failed") else ""

"""Limits of outside services and their circuit breakers, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from backdesk.client.operations.operation import Operation
from backdesk.client.operations.service_limits import BreakerStatuses, LimitStatuses, ServiceLimitOperations
from backdesk.client.over_http.asking import as_a, ask_for, data_of, is_done
from backdesk.worker.model.service import BreakerState, BreakerStatus, Limits, LimitStatus


class HttpServiceLimits(ServiceLimitOperations):
    """The operations on limits and breakers."""

    def put(self, scope: str, values: Mapping[str, Any]) -> Operation[Limits]:
        """Set the limits of a scope, in place of those before."""
        return ask_for(as_a(Limits), "PUT", "limits", "services", scope, body=dict(values))

    def remove(self, scope: str) -> Operation[bool]:
        """Remove the limits of a scope; returns whether there were any."""
        return ask_for(is_done, "DELETE", "limits", "services", scope)

    def list(self) -> Operation[LimitStatuses]:
        """Return all limits by scope, with the buckets in use; and services on hold that have no limits."""
        return ask_for(data_of(LimitStatus), "GET", "limits", "services")

    def breakers(self) -> Operation[BreakerStatuses]:
        """Return every breaker that has ever counted a failure or was switched by hand, by name."""
        return ask_for(data_of(BreakerStatus), "GET", "breakers")

    def switch(self, resource: str, state: BreakerState, for_: float | timedelta | None) -> Operation[BreakerState]:
        """Open or close a breaker by hand; returns the state it was in."""
        verb = "open" if state is BreakerState.OPEN else "close"
        body = {"seconds": for_} if state is BreakerState.OPEN else None
        return ask_for(BreakerState, "POST", "breakers", resource, verb, body=body)

"""What a request is served with: the gateway of the application, and who calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from backdesk.client import AsyncJobClient
from backdesk.gateway.access.audit import CALLER, NEEDED
from backdesk.gateway.access.authentication import Authentication
from backdesk.gateway.access.caller import Caller, Scope
from backdesk.gateway.exchange import Exchange
from backdesk.gateway.metrics.deployment import DeploymentMetrics
from backdesk.gateway.metrics.process import ProcessMetrics
from backdesk.gateway.settings import GatewaySettings
from backdesk.gateway.streams.snapshots import Snapshots


@dataclass(frozen=True, slots=True)
class Gateway:
    """All that requests share."""

    settings: GatewaySettings
    client: AsyncJobClient
    exchange: Exchange
    authentication: Authentication
    snapshots: Snapshots
    process_metrics: ProcessMetrics
    deployment_metrics: DeploymentMetrics


def gateway_of(request: Request) -> Gateway:
    """Return the gateway that serves a request."""
    return request.app.state.gateway  # type: ignore[no-any-return]  # state is of any type


async def caller_of(request: Request) -> Caller:
    """Return who calls, and tell it to the audit log. Raises Unauthenticated."""
    caller = await gateway_of(request).authentication.caller_of(request)
    request.scope.setdefault("state", {})[CALLER] = caller
    return caller


def needs(scope: Scope, *, of_all: bool = False) -> Callable[[Request, Caller], Awaitable[Caller]]:
    """Return a dependency that lets in those who may do what has this scope, `of_all` tenants if that is said."""

    async def check(request: Request, caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
        request.scope["state"][NEEDED] = scope
        caller.demand(scope)
        if of_all:
            caller.demand_all_tenants()
        return caller

    return check


Served = Annotated[Gateway, Depends(gateway_of)]
Reader = Annotated[Caller, Depends(needs(Scope.READ))]
Submitter = Annotated[Caller, Depends(needs(Scope.SUBMIT))]
Operator = Annotated[Caller, Depends(needs(Scope.OPERATE))]
Admin = Annotated[Caller, Depends(needs(Scope.ADMIN))]
#: The same for what is of the deployment, and of no single tenant.
Onlooker = Annotated[Caller, Depends(needs(Scope.READ, of_all=True))]
Steward = Annotated[Caller, Depends(needs(Scope.OPERATE, of_all=True))]
Governor = Annotated[Caller, Depends(needs(Scope.ADMIN, of_all=True))]

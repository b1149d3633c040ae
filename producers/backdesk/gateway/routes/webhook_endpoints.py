"""Webhook endpoints: addresses that are told of events."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from backdesk.client.operations.webhooks import KEPT_FOR, MOST_LISTED, SecretEndpoint
from backdesk.gateway.access.caller import Caller, Scope
from backdesk.gateway.routes.jobs import Done
from backdesk.gateway.routes.pages import Page
from backdesk.gateway.service import Gateway, Operator, Reader, Served
from backdesk.worker.errors import WebhookNotFound
from backdesk.worker.model.job import EVERY_TENANT
from backdesk.worker.model.webhook import (
    EVENT_TYPES,
    OPENAI_EVENTS,
    Format,
    Secret,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookHealth,
)

router = APIRouter(prefix="/v1/webhook_endpoints", tags=["webhooks"])


class NewEndpoint(BaseModel):
    """An address, and what it is told of. Without a `tenant` it is the caller's; `*` stands for all."""

    url: str = Field(examples=["https://example.com/hooks/backdesk"])
    events: list[str] = Field(min_length=1, max_length=100, examples=[["job.succeeded", "job.failed"]])
    tenant: str | None = None
    format: Format = Format.STANDARD
    description: str = Field("", max_length=500)


class EndpointChanges(BaseModel):
    """What is to be otherwise; the rest stays. `enabled` switches it on and off."""

    url: str | None = None
    events: list[str] | None = Field(None, min_length=1, max_length=100)
    description: str | None = Field(None, max_length=500)
    enabled: bool | None = None


class Rotation(BaseModel):
    """For how many seconds the secret before signs beside the new one."""

    keep_old_for: float = Field(KEPT_FOR.total_seconds(), ge=0, le=365 * 86_400)


class Endpoint(WebhookEndpoint):
    """An endpoint, and how deliveries to it have gone; with its `secret` where that is new, this once."""

    secrets: tuple[Secret, ...] = Field((), exclude=True)
    enabled_: bool = Field(serialization_alias="enabled")
    secret: str | None = None
    health: WebhookHealth | None = None


class Types(BaseModel):
    """The types of events, by format."""

    standard: tuple[str, ...]
    openai: tuple[str, ...]


class Sent(BaseModel):
    """A delivery that is on its way: the id of its job."""

    id: str


def _shown(endpoint: WebhookEndpoint, secret: str | None = None, health: WebhookHealth | None = None) -> Endpoint:
    return Endpoint(**endpoint.model_dump(), enabled_=endpoint.enabled, secret=secret, health=health)


def _with_secret(made: SecretEndpoint) -> Endpoint:
    return _shown(made.endpoint, made.secret)


async def _own(gateway: Gateway, caller: Caller, endpoint_id: str) -> WebhookEndpoint:
    """Return an endpoint that is the caller's. Raises WebhookNotFound, also for one of another tenant or of all."""
    found = await gateway.client.webhooks.get(endpoint_id)
    if not caller.sees(found.tenant):
        raise WebhookNotFound(endpoint_id)
    return found


async def _to_change(gateway: Gateway, caller: Caller, endpoint_id: str) -> WebhookEndpoint:
    """The same for who wants to change it: one that is told of all tenants is for those who administer them."""
    found = await _own(gateway, caller, endpoint_id)
    if found.tenant == EVERY_TENANT:
        caller.demand(Scope.ADMIN)
    return found


@router.get("/event_types", summary="List types of events")
async def event_types(_: Reader) -> Types:
    """Return what endpoints can be told of."""
    return Types(standard=EVENT_TYPES, openai=tuple(dict.fromkeys(OPENAI_EVENTS.values())))


@router.post("", status_code=201, summary="Add a webhook endpoint")
async def add(body: NewEndpoint, gateway: Served, caller: Operator) -> Endpoint:
    """Have an address told of events from now on. The answer has its secret, which is told this once."""
    tenant: str | None = body.tenant
    if tenant == EVERY_TENANT:
        caller.demand_all_tenants()
        caller.demand(Scope.ADMIN)
        tenant = None
    else:
        tenant = caller.tenant_of(tenant)
    made = await gateway.client.webhooks.add(
        body.url, body.events, tenant=tenant, format=body.format, description=body.description
    )
    return _with_secret(made)


@router.get("", summary="List webhook endpoints")
async def list_endpoints(gateway: Served, caller: Operator, tenant: str | None = None) -> Page[Endpoint]:
    """Return endpoints, the oldest first."""
    found = await gateway.client.webhooks.list(tenant=caller.only(tenant))
    return Page(data=[_shown(each) for each in found])


@router.get("/{endpoint}", summary="Get a webhook endpoint")
async def get(endpoint: str, gateway: Served, caller: Operator) -> Endpoint:
    """Return one, and how deliveries to it have gone."""
    await _own(gateway, caller, endpoint)
    found = await gateway.client.webhooks.standing(endpoint)
    return _shown(found.endpoint, health=found.health)


@router.post("/{endpoint}", summary="Change a webhook endpoint")
async def update(endpoint: str, body: EndpointChanges, gateway: Served, caller: Operator) -> Endpoint:
    """Change its address, events or description; enable or disable it."""
    found = await _to_change(gateway, caller, endpoint)
    webhooks = gateway.client.webhooks
    if body.model_dump(exclude={"enabled"}, exclude_none=True):
        found = await webhooks.update(endpoint, url=body.url, events=body.events, description=body.description)
    if body.enabled is not None:
        because = f"by {caller.name}"
        found = await (webhooks.enable(endpoint) if body.enabled else webhooks.disable(endpoint, because=because))
    return _shown(found)


@router.post("/{endpoint}/rotate_secret", summary="Rotate the secret of a webhook endpoint")
async def rotate(endpoint: str, gateway: Served, caller: Operator, body: Rotation | None = None) -> Endpoint:
    """Give it a new secret, which is told this once; the one before signs beside it for a while."""
    await _to_change(gateway, caller, endpoint)
    kept_for = timedelta(seconds=(body or Rotation()).keep_old_for)
    return _with_secret(await gateway.client.webhooks.rotate(endpoint, keep_old_for=kept_for))


@router.post("/{endpoint}/test", status_code=202, summary="Test a webhook endpoint")
async def test(endpoint: str, gateway: Served, caller: Operator) -> Sent:
    """Send it an `endpoint.test`."""
    await _to_change(gateway, caller, endpoint)
    return Sent(id=await gateway.client.webhooks.test(endpoint))


@router.delete("/{endpoint}", summary="Remove a webhook endpoint")
async def remove(endpoint: str, gateway: Served, caller: Operator) -> Done:
    """Forget it, and what it was still to be told of."""
    await _to_change(gateway, caller, endpoint)
    return Done(done=await gateway.client.webhooks.remove(endpoint))


@router.get("/{endpoint}/deliveries", summary="List deliveries to a webhook endpoint")
async def deliveries(
    endpoint: str, gateway: Served, caller: Operator, limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 100
) -> Page[WebhookDelivery]:
    """Return the newest deliveries, and what became of each."""
    await _own(gateway, caller, endpoint)
    return Page(data=await gateway.client.webhooks.deliveries(endpoint, limit=limit))


@router.post("/{endpoint}/deliveries/{delivery}/resend", status_code=202, summary="Send a delivery again")
async def resend(endpoint: str, delivery: str, gateway: Served, caller: Operator) -> Sent:
    """Send a delivery again, with the `webhook-id` and the bytes that it had."""
    await _to_change(gateway, caller, endpoint)
    return Sent(id=await gateway.client.webhooks.resend(endpoint, delivery))

"""API keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from backdesk.client.operations.keys import SecretKey
from backdesk.gateway.access.caller import Caller
from backdesk.gateway.routes.jobs import Done
from backdesk.gateway.routes.pages import Page
from backdesk.gateway.service import Admin, Gateway, Served
from backdesk.worker.errors import KeyNotFound
from backdesk.worker.model.access import ApiKey, Scope

router = APIRouter(prefix="/v1/keys", tags=["keys"])

LONGEST_S = 10 * 366 * 86_400


class NewKey(BaseModel):
    """A key that is to be made."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200, examples=["billing"])
    scope: Scope = Scope.SUBMIT
    tenant: str | None = Field(None, description="Its only tenant; that of the caller, if they have one.")
    expires_s: float | None = Field(None, gt=0, le=LONGEST_S, description="How long it is good; for ever, if unset.")


class Rotation(BaseModel):
    """A new secret for a key."""

    model_config = ConfigDict(extra="forbid")

    overlap_s: float = Field(86_400, ge=0, le=LONGEST_S, description="How long the secret before is good.")


class KeyWithSecret(BaseModel):
    """A key, and its secret: told this once."""

    key: ApiKey
    secret: str

    @classmethod
    def of(cls, made: SecretKey) -> KeyWithSecret:
        """Return it as it is told."""
        return cls(key=made.key, secret=made.secret)


@router.get("", summary="List keys")
async def list_keys(
    gateway: Served,
    caller: Admin,
    tenant: Annotated[str | None, Query(description="Only those that are for this tenant alone.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: str | None = None,
) -> Page[ApiKey]:
    """Return a page of keys, the newest first, also revoked ones; to callers of a tenant its own."""
    page = await gateway.client.keys.list(tenant=caller.only(tenant), limit=limit, cursor=cursor)
    return Page(data=list(page), cursor=page.cursor)


@router.post("", status_code=201, summary="Make a key")
async def add(body: NewKey, gateway: Served, caller: Admin) -> KeyWithSecret:
    """Make a key, and tell its secret, this once."""
    tenant = caller.only(body.tenant)
    expires = None if body.expires_s is None else timedelta(seconds=body.expires_s)
    made = await gateway.client.keys.add(body.name, scope=body.scope, tenant=tenant, expires_in=expires)
    return KeyWithSecret.of(made)


@router.get("/{key_id}", summary="Get a key")
async def get(key_id: str, gateway: Served, caller: Admin) -> ApiKey:
    """Return what is known of a key, which is not its secret."""
    return await _theirs(gateway, caller, key_id)


@router.post("/{key_id}/rotate", summary="Give a key a new secret")
async def rotate(key_id: str, gateway: Served, caller: Admin, body: Rotation | None = None) -> KeyWithSecret:
    """Make a new secret, and tell it, this once; the one before is good for a while."""
    await _theirs(gateway, caller, key_id)
    overlap = timedelta(seconds=(body or Rotation()).overlap_s)
    return KeyWithSecret.of(await gateway.client.keys.rotate(key_id, overlap=overlap))


@router.delete("/{key_id}", summary="Revoke a key")
async def revoke(key_id: str, gateway: Served, caller: Admin) -> Done:
    """Let nobody in by a key any more: within two seconds, on every gateway. Idempotent."""
    await _theirs(gateway, caller, key_id)
    return Done(done=await gateway.client.keys.revoke(key_id))


async def _theirs(gateway: Gateway, caller: Caller, key_id: str) -> ApiKey:
    """Return a key; raises KeyNotFound for one that is not the caller's tenant's."""
    key = await gateway.client.keys.get(key_id)
    if caller.tenant is not None and key.tenant != caller.tenant:
        raise KeyNotFound(key_id)
    return key

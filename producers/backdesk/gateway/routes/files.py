"""Files: those that come with requests, and those that jobs have kept."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from backdesk.client import Attachment
from backdesk.gateway.routes.jobs import Done
from backdesk.gateway.routes.pages import Page
from backdesk.gateway.service import Reader, Served, Submitter
from backdesk.worker.errors import BlobNotFound
from backdesk.worker.model.blob import BlobRef

router = APIRouter(tags=["files"])

_BYTES = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}


@router.post(
    "/v1/attachments",
    status_code=201,
    summary="Attach a file",
    openapi_extra={"requestBody": {"required": True, **_BYTES}},
)
async def attach(
    request: Request,
    gateway: Served,
    caller: Submitter,
    tenant: str | None = None,
    name: Annotated[str | None, Query(max_length=200, description="What it is called.")] = None,
) -> Attachment:
    """Keep the body for requests that name it; returns what they name it by. The same file has the same id."""
    body = await request.body()
    return await gateway.client.attachments.add(body, name, tenant=caller.tenant_of(tenant))


@router.get(
    "/v1/attachments/{attachment_id}", summary="Get an attached file", response_class=Response, responses={200: _BYTES}
)
async def attached(attachment_id: str, gateway: Served, caller: Reader, tenant: str | None = None) -> Response:
    """Return the bytes of a file that was attached."""
    found = await gateway.client.attachments.read(attachment_id, tenant=caller.tenant_of(tenant))
    return _download(found, attachment_id)


@router.delete("/v1/attachments/{attachment_id}", summary="Forget an attached file")
async def forget(attachment_id: str, gateway: Served, caller: Submitter, tenant: str | None = None) -> Done:
    """Forget it."""
    return Done(done=await gateway.client.attachments.forget(attachment_id, tenant=caller.tenant_of(tenant)))


@router.get("/v1/jobs/{job_id}/blobs", summary="List the large values of a job")
async def blobs(job_id: str, gateway: Served, caller: Reader) -> Page[BlobRef]:
    """Return its request and result, where they are kept outside of Redis, and its files."""
    await gateway.exchange.record(caller, job_id)
    return Page(data=list(await gateway.client.blobs.of(job_id)))


@router.get(
    "/v1/jobs/{job_id}/blobs/{sha256}",
    summary="Get a large value of a job",
    response_class=Response,
    responses={200: _BYTES, 307: {"description": "Get it there, by a link that is good for an hour"}},
)
async def blob(
    job_id: str,
    sha256: str,
    gateway: Served,
    caller: Reader,
    redirect: Annotated[bool, Query(description="Whether a link may be answered in place of the bytes.")] = True,
) -> Response:
    """Lead to it by a presigned link where the store makes such, else return its bytes."""
    record = await gateway.exchange.record(caller, job_id)
    ref = next((each for each in await gateway.client.blobs.of(job_id) if each.sha256 == sha256), None)
    if ref is None:
        raise BlobNotFound(f"job {job_id} has no file with the SHA-256 {sha256}")
    if redirect and (link := await gateway.client.blobs.link(ref, tenant=record.tenant)):
        return RedirectResponse(link, 307)
    return _download(await gateway.client.blobs.read(ref, tenant=record.tenant), ref.name or sha256)


def _download(content: bytes, name: str) -> Response:
    """Return bytes as a file to be saved, never shown: it may be a page with scripts."""
    safe = "".join(sign if sign.isalnum() or sign in "._-" else "_" for sign in name if sign.isascii()) or "file"
    headers = {"content-disposition": f'attachment; filename="{safe}"', "content-security-policy": "sandbox"}
    return Response(content, media_type="application/octet-stream", headers=headers)

"""Claim checks: a request or a result that is too large for Redis goes among the blobs, and its reference to Redis.

The reference stands beside the request, never in it: what looks like one in the JSON of a user is only data.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from backdesk.worker.errors import BlobTooLarge, PayloadTooLarge
from backdesk.worker.model.blob import JSON, BlobRef
from backdesk.worker.model.schedule import Schedule, owner_of
from backdesk.worker.store.jobs import NewJob
from backdesk.worker.text.json import decode

if TYPE_CHECKING:
    from backdesk.worker.blobs.store import BlobStore

#: What stands in the record for a request that is elsewhere.
ELSEWHERE = b"null"


def check_in(job: NewJob, blobs: BlobStore) -> NewJob:
    """Keep the request of a job among the blobs, and return the job as it can be written. Blocks.

    What tells requests apart, its fingerprint, stays that of the whole. Idempotent. Raises PayloadTooLarge, BlobError.
    """
    try:
        ref = blobs.put(job.request, tenant=job.tenant, job=job.id, media_type=JSON, name="request.json")
    except BlobTooLarge:
        raise PayloadTooLarge("request", len(job.request), blobs.most_bytes) from None
    reference = ref.model_dump_json(exclude_defaults=True)
    return replace(job, request=ELSEWHERE, request_blob=reference, blob_bytes=ref.bytes)


def check_in_schedule(schedule: Schedule, request: bytes, blobs: BlobStore) -> Schedule:
    """Keep the request of a schedule, encoded, and return the definition as it can be written. Blocks; idempotent.

    It belongs to the definition, and goes when that is removed or replaced. Raises PayloadTooLarge, BlobError.
    """
    try:
        ref = blobs.put(request, tenant=schedule.tenant, job=owner_of(schedule), media_type=JSON, name="request.json")
    except BlobTooLarge:
        raise PayloadTooLarge("request", len(request), blobs.most_bytes) from None
    rest = schedule.model_dump(exclude={"request"}, exclude_defaults=True)
    return Schedule(request=None, **{**rest, "request_blob": ref})


def whole_schedule(schedule: Schedule, blobs: BlobStore) -> Schedule:
    """Return a definition with its request, wherever that is. Blocks. Raises BlobError."""
    if schedule.request_blob is None:
        return schedule
    request = decode(redeemed(schedule.request_blob, blobs, schedule.tenant))
    return schedule.model_copy(update={"request": request, "request_blob": None})


def check_in_result(result: bytes, blobs: BlobStore, *, tenant: str, job: str) -> bytes:
    """Keep a result, and return its reference as JSON. Blocks; idempotent. Raises BlobError."""
    ref = blobs.put(result, tenant=tenant, job=job, media_type=JSON, name="result.json")
    return ref.model_dump_json(exclude_defaults=True).encode()


def redeemed(reference: bytes | BlobRef, blobs: BlobStore, tenant: str) -> bytes:
    """Return what a reference stands for, checked. Blocks. Raises BlobError, ValueError for what is no reference."""
    ref = reference if isinstance(reference, BlobRef) else BlobRef.model_validate_json(reference)
    return blobs.read(ref, tenant)

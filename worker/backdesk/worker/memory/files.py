"""Files of a tenant that are too large for Redis: kept among the blobs, by a reference that expires."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backdesk.worker.blobs.keys import ATTACHMENT
from backdesk.worker.model.attachment import attachment_id, digest_of, media_type_of
from backdesk.worker.model.blob import BINARY, BlobRef

if TYPE_CHECKING:
    from backdesk.worker.blobs.store import BlobStore


def keep_file(data: bytes, name: str, blobs: BlobStore, *, tenant: str) -> BlobRef:
    """Keep a file among the blobs, and return its reference. Blocks; idempotent. Raises BlobError."""
    owner = f"{ATTACHMENT}{digest_of(attachment_id(data))}"
    return blobs.put(data, tenant=tenant, job=owner, media_type=media_type_of(data, name) or BINARY, name=name)


def forget_file(digest: str, blobs: BlobStore, *, tenant: str) -> None:
    """Remove a file from the blobs. Blocks; idempotent. Raises BlobError."""
    blobs.forget(f"{ATTACHMENT}{digest}", tenant)

"""Attachments: files that requests name."""

# Generated from `backdesk.client.aio` by `make generate`: change it there.

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from backdesk.client.operations.attachments import AttachmentOperations
from backdesk.client.over_http.served import served
from backdesk.worker.model.job import DEFAULT_TENANT

if TYPE_CHECKING:
    from backdesk.client.blocking.client import JobClient
    from backdesk.platform.contract import Attachment


class Attachments:
    """The files of tenants, `client.attachments`."""

    def __init__(self, client: JobClient) -> None:
        self._client = client
        self._operations = served(client.core, AttachmentOperations)

    def add(self, file: Path | bytes, name: str | None = None, *, tenant: str = DEFAULT_TENANT) -> Attachment:
        """Keep a file, by its path or as its bytes, and return what the request of a job of this tenant names it by.

        It is kept for BACKDESK_ATTACHMENT_RETENTION_S, and as long again whenever a job reads it. The same bytes have
        the same id: to add them again keeps them for longer. Raises InvalidRequest for a type or a size that is not
        taken and for a tenant that has too much already, StoreFull, BlobError for a large one.
        """
        return self._client.do(self._operations.add(tenant, file, name))

    def read(self, attachment_id: str, *, tenant: str = DEFAULT_TENANT) -> bytes:
        """Return a file; it is kept for longer then. Raises InvalidRequest when there is none (any more)."""
        return self._client.do(self._operations.read(tenant, attachment_id))

    def forget(self, attachment_id: str, *, tenant: str = DEFAULT_TENANT) -> bool:
        """Forget a file; returns whether there was one. Idempotent. What names it goes on without it."""
        return self._client.do(self._operations.forget(tenant, attachment_id))

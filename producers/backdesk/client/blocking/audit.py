"""The audit log of a deployment."""

# Generated from `backdesk.client.aio` by `make generate`: change it there.

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backdesk.client.operations.audit import AuditEntries, AuditOperations
from backdesk.client.over_http.served import served
from backdesk.worker.model.audit import AuditEntry, Part

if TYPE_CHECKING:
    from backdesk.client.blocking.client import JobClient


class Audit:
    """Who did what over HTTP, and with keys, `client.audit`."""

    def __init__(self, client: JobClient) -> None:
        self._client = client
        self._operations = served(client.core, AuditOperations)

    def add(self, entries: Sequence[AuditEntry], *, keep: int | None = None) -> None:
        """Write entries, in one round trip; of each part about the newest `keep` stay, all if that is None.

        Not idempotent: a write that was repeated after an outage may be there twice.
        """
        self._client.do(self._operations.add(entries, keep))

    def list(
        self, *, tenant: str | None = None, part: Part | None = None, limit: int = 50, cursor: str | None = None
    ) -> AuditEntries:
        """Return a page of entries, the newest first, those of callers of a tenant if it is named.

        A page that is not `complete` was not looked for to the end: go on with its cursor. Raises InvalidRequest.
        """
        return self._client.do(self._operations.list(tenant, part, limit, cursor))

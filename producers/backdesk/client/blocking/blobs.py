"""Blobs: what jobs have that is too large for Redis."""

# Generated from `backdesk.client.aio` by `make generate`: change it there.

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from backdesk.client.operations.blobs import BlobOperations, Refs
from backdesk.client.over_http.served import served
from backdesk.worker.model.blob import BlobRef
from backdesk.worker.model.job import DEFAULT_TENANT

if TYPE_CHECKING:
    from backdesk.client.blocking.client import JobClient


class Blobs:
    """The large requests, results and files of jobs, `client.blobs`.

    All but `of` and `sizes` need the store of BACKDESK_BLOBS_URL, and raise BlobError when it cannot be used.
    """

    def __init__(self, client: JobClient) -> None:
        self._client = client
        self._operations = served(client.core, BlobOperations)

    def of(self, job_id: str) -> Refs:
        """Return what a job has there: its request, its result, files that its body has kept. Raises JobNotFound."""
        return self._client.do(self._operations.of(job_id))

    def read(self, ref: BlobRef, *, tenant: str = DEFAULT_TENANT) -> bytes:
        """Return what is in a blob of a tenant, checked. Raises BlobNotFound, BlobCorrupt, BlobLocked."""
        return self._client.do(self._operations.read(ref, tenant))

    def save(self, ref: BlobRef, to: Path, *, tenant: str = DEFAULT_TENANT) -> None:
        """Write a blob to a file, over one that is there, when all of it was checked. Raises as `read`, and OSError."""
        self._client.do(self._operations.save(ref, to, tenant))

    def link(self, ref: BlobRef, seconds: int = 3600, *, tenant: str = DEFAULT_TENANT) -> str | None:
        """Return an address at which anybody can load a blob for so long.

        None where there is none: of a folder, and of what is encrypted here.
        """
        return self._client.do(self._operations.link(ref, seconds, tenant))

    def sizes(self) -> dict[str, int]:
        """Return how many bytes each tenant has, by the last sweep and the submits since."""
        return self._client.do(self._operations.sizes())

    def check(self) -> str:
        """Return where blobs are, having written, read and forgotten one there.

        Raises BlobsAhead where Redis is behind its blobs, which nothing is removed from then.
        """
        return self._client.do(self._operations.check())

    def others(self) -> list[str]:
        """Return the ids of other deployments that have blobs in the same place, such as a Redis that was emptied."""
        return self._client.do(self._operations.others())

    def accept(self) -> None:
        """Have the store swept again, though Redis is behind it: what it does not know goes after an hour."""
        self._client.do(self._operations.accept())

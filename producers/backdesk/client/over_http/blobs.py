"""Large values and files of jobs, over HTTP."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

from backdesk.client.operations.blobs import BlobOperations, Refs
from backdesk.client.operations.operation import Operation
from backdesk.client.over_http.asking import ask, ask_for, data_of
from backdesk.worker.errors import BlobError
from backdesk.worker.model.blob import BlobRef


class HttpBlobs(BlobOperations):
    """The operations on blobs of jobs. Those on the store are done beside it alone."""

    def of(self, job_id: str) -> Operation[Refs]:
        """Return what a job has there: its request, its result, its files. Raises JobNotFound."""
        return ask_for(data_of(BlobRef), "GET", "jobs", job_id, "blobs")

    def read(self, ref: BlobRef, tenant: str) -> Operation[bytes]:
        """Return what is in a blob; its job says whose it is. Raises BlobError, JobNotFound."""
        answer = yield from ask("GET", "jobs", ref.owner, "blobs", ref.sha256, query={"redirect": False})
        if sha256(answer.content).hexdigest() != ref.sha256:
            raise BlobError(f"blob {ref.id} has come other than it was kept: read it again")
        return answer.content

    def save(self, ref: BlobRef, to: Path, tenant: str) -> Operation[None]:
        """Write a blob to a file, when all of it was checked. Raises as `read`, and OSError."""
        content = yield from self.read(ref, tenant)
        part = to.with_name(f".{to.name}.{os.getpid()}.part")
        try:
            part.write_bytes(content)
            part.replace(to)
        finally:
            part.unlink(missing_ok=True)

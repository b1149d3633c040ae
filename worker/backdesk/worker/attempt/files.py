"""Files of a job: what its body writes and reads that is too large for Redis."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backdesk.worker.blobs.access import BlobAccess
from backdesk.worker.model.blob import BINARY, BlobRef
from backdesk.worker.model.events import EventType
from backdesk.worker.model.job import Claim
from backdesk.worker.pipeline import Pipeline

if TYPE_CHECKING:
    from backdesk.worker.blobs.parts import Parts
    from backdesk.worker.blobs.source import Source


class Files:
    """The files of one attempt's job, and those of other jobs of its tenant that it was told of."""

    def __init__(self, claim: Claim, blobs: BlobAccess, tell: Callable[[str, dict[str, Any]], None]) -> None:
        self._claim = claim
        self._blobs = blobs
        self._tell = tell

    def keep_file(self, source: Source, name: str, media_type: str | None = None) -> Pipeline[BlobRef]:
        """Keep a file with this job, and return the reference, to be a part of its result.

        `source` is bytes, the path of a file, a stream or an iterable of bytes, of which a few megabytes are in memory
        at once. The file is there as long as the job is. Without `media_type` the name says what it is. The same bytes
        again, as in a later attempt, are the same file. Raises BlobTooLarge beyond BACKDESK_MAX_BLOB_BYTES,
        BlobStoreUnavailable.
        """
        claim, media_type = self._claim, media_type or mimetypes.guess_type(name)[0] or BINARY
        ref: BlobRef = yield self._blobs.submit(
            lambda store: store.put(source, tenant=claim.tenant, job=claim.job_id, media_type=media_type, name=name)
        )
        self._tell(EventType.FILE_KEPT, {"file": ref.model_dump(exclude_defaults=True)})
        return ref

    def read_file(self, ref: BlobRef) -> Pipeline[bytes]:
        """Return what is in a file of this tenant, checked. Raises BlobNotFound, BlobCorrupt, BlobLocked."""
        data: bytes = yield self._blobs.submit(lambda store: store.read(ref, self._claim.tenant))
        return data

    def save_file(self, ref: BlobRef, to: Path) -> Pipeline[None]:
        """Write a file of this tenant to a path, where it appears when all of it was checked. Raises as `read_file`."""
        yield self._blobs.submit(lambda store: store.save(ref, self._claim.tenant, to))

    def file_link(self, ref: BlobRef, seconds: int = 3600) -> Pipeline[str | None]:
        """Return an address at which anybody can load a file of this tenant for so long; None where there is none."""
        link: str | None = yield self._blobs.submit(lambda store: store.link(ref, self._claim.tenant, seconds))
        return link

    def parts(self, name: str) -> Parts:
        """Return the parts of a file of this job that is written bit by bit."""
        return self._blobs.store.parts(name, tenant=self._claim.tenant, job=self._claim.job_id)

"""Errors of blobs: what keeps one from being written, read or removed."""

from __future__ import annotations

from backdesk.worker.errors.root import BackdeskError


class BlobError(BackdeskError):
    """A blob cannot be written or read; `code` says why, as the job fails with it that needs the blob."""

    code = "blob_unusable"


class BlobNotFound(BlobError):
    """The store has no such blob of this tenant: expired, forgotten, another tenant's, or written to another store."""

    code = "blob_missing"


class BlobCorrupt(BlobError):
    """The bytes that are kept are not those that were written."""

    code = "blob_corrupt"


class BlobLocked(BlobError):
    """The blob is encrypted, and none of the keys here opens it."""

    code = "blob_locked"


class BlobTooLarge(BlobError):
    """What was to be written exceeds BACKDESK_MAX_BLOB_BYTES; nothing of it is kept."""

    code = "blob_too_large"


class BlobStoreUnavailable(BlobError):
    """The store could not be reached, or refused; another try may succeed."""

    code = "blob_store_unavailable"


class BlobsAhead(BlobError):
    """Redis is behind its blobs: it was put back to a former state, and does not know all to whom they belong."""

    code = "blobs_ahead"

    def __init__(self, where: str, noted: int, known: int) -> None:
        super().__init__(where, noted, known)
        self.where = where
        self.noted = noted
        self.known = known

    def __str__(self) -> str:
        return (
            f"nothing of the blobs at {self.where} is removed: they were swept {self.noted} times, and Redis knows of "
            f"{self.known}, so it has lost data, as one does that is restored from a backup, or it is a copy; when "
            "it is the right one, run `backdesk blobs accept`"
        )

"""The store of blobs: what is too large for Redis, by reference, whole, checked, and of one tenant alone.

Keys are `<tenant>/<owner>/<digest>`: the tenant is hashed, so that listing a bucket names no customer, and the owner is
the job with which the blob goes. The same bytes written twice for a job are one blob.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

from pydantic import TypeAdapter

from backdesk.worker.blobs.keys import key_of, owned_by, owner_in, tenant_of
from backdesk.worker.blobs.objects import Kept, Objects
from backdesk.worker.blobs.parts import Parts
from backdesk.worker.blobs.sealing import Keyring
from backdesk.worker.blobs.source import Source, pieces_of, write
from backdesk.worker.errors import BlobCorrupt, BlobError, BlobLocked, BlobNotFound, BlobTooLarge
from backdesk.worker.model.blob import BINARY, LONGEST_NAME, LONGEST_PLACE, BlobRef, MediaType


class BlobStore:
    """Blobs in a place that producers and workers share. Safe in several threads and processes at once.

    Everything blocks. Raises BlobStoreUnavailable when the place cannot be reached.
    """

    def __init__(self, objects: Objects, keys: Keyring, most_bytes: int) -> None:
        self._objects = objects
        self._keys = keys
        #: How large a blob may be (BACKDESK_MAX_BLOB_BYTES).
        self.most_bytes = most_bytes
        self.where = objects.where

    def put(self, source: Source, *, tenant: str, job: str, media_type: str = BINARY, name: str = "") -> BlobRef:
        """Keep bytes, a file, a stream or an iterable, whole or not at all, and return the reference.

        `job` is what the blob belongs to, and is forgotten with. Idempotent: the same bytes for the same job are the
        same blob. Raises BlobTooLarge beyond BACKDESK_MAX_BLOB_BYTES, ValueError for what names no job, tenant or type.
        """
        TypeAdapter(MediaType).validate_python(media_type)
        owned_by(tenant, job)
        beyond = BlobTooLarge(f"has more than {self.most_bytes:,} bytes, which is the limit (BACKDESK_MAX_BLOB_BYTES)")
        counted = _Counted(source, self.most_bytes, beyond)
        with self._objects.incoming() as incoming:
            write(incoming, counted, self._keys.sealing(tenant_of(tenant)))
            ref = BlobRef(
                owner=job,
                sha256=counted.digest.hexdigest(),
                bytes=counted.bytes,
                media_type=media_type,
                name=name[:LONGEST_NAME],
                where=self.where[:LONGEST_PLACE],
                key=self._keys.writes,
            )
            incoming.keep(key_of(tenant, ref), _headers(media_type, ref.name))
        return ref

    def open(self, ref: BlobRef, tenant: str) -> Iterator[bytes]:
        """Give the bytes of a blob, about 1 MiB at once.

        What was given is checked only when the end is reached: act upon none of it before, or use `read` or `save`.
        Raises BlobNotFound, before the first, for what this tenant has not; BlobLocked and BlobCorrupt.
        """
        changed = BlobCorrupt(f"blob {ref.id} in {self.where} is not what was written: its SHA-256 is another")
        counted = _Counted(self._said(ref, self._opened(ref, tenant)), ref.bytes, changed)
        yield from counted
        if counted.bytes != ref.bytes or counted.digest.hexdigest() != ref.sha256:
            raise changed

    def read(self, ref: BlobRef, tenant: str) -> bytes:
        """Return the bytes of a blob, checked, as `open` does."""
        return b"".join(self.open(ref, tenant))

    def save(self, ref: BlobRef, tenant: str, to: Path) -> None:
        """Write a blob to a file, which appears when all of it was checked. Raises as `open` does, and OSError."""
        made = to.with_name(f".{to.name}.{uuid4().hex}")
        try:
            with made.open("xb") as file:
                for chunk in self.open(ref, tenant):
                    file.write(chunk)
            made.replace(to)
        finally:
            made.unlink(missing_ok=True)

    def copy(self, ref: BlobRef, tenant: str, *, job: str) -> BlobRef:
        """Keep a blob of a tenant for another of its jobs, too. Raises BlobNotFound."""
        copied = ref.model_copy(update={"owner": job, "where": self.where})
        if copied.owner != ref.owner:
            try:
                self._objects.copy(key_of(tenant, ref), key_of(tenant, copied))
            except FileNotFoundError:
                raise self._not_found(ref) from None
        return copied

    def link(self, ref: BlobRef, tenant: str, seconds: int = 3600) -> str | None:
        """Return an address at which anybody can load the blob for so long.

        None where there is none: of a folder, and of an encrypted blob, as only this store can read that.
        """
        return None if ref.key else self._objects.link(key_of(tenant, ref), seconds)

    def parts(self, name: str, *, tenant: str, job: str) -> Parts:
        """Return the parts of a blob that is written bit by bit, and goes on after a crash."""
        owned_by(tenant, job)
        return Parts(self, self._objects, self._keys, name, tenant, job)

    def remove(self, ref: BlobRef, tenant: str) -> None:
        """Remove one blob. Idempotent."""
        self._objects.delete(key_of(tenant, ref))

    def forget(self, job: str, tenant: str) -> None:
        """Remove all blobs of a job, and parts of such. Idempotent."""
        self._objects.delete(owned_by(tenant, job))

    def forget_owner(self, owner: str) -> None:
        """The same for what `owners` has named."""
        self._objects.delete(f"{owner}/")

    def kept(self, job: str, tenant: str) -> list[Kept]:
        """Return what there is of a job."""
        return list(self._objects.list(owned_by(tenant, job)))

    def newest_of(self, owner: str) -> float:
        """Return when the newest blob of what `owners` has named was written, in seconds of the epoch; 0 for none."""
        return max((each.at for each in self._objects.list(f"{owner}/")), default=0.0)

    def owners(self, tenant: str | None = None) -> dict[str, Kept]:
        """Return all jobs that have blobs, by `<hashed tenant>/<job>`: their bytes, and when the newest was written.

        Takes time in proportion to the number of blobs.
        """
        found: dict[str, Kept] = {}
        for each in self._objects.list(f"{tenant_of(tenant)}/" if tenant else ""):
            if owner := owner_in(each.key):
                before = found.get(owner, Kept(owner, 0, 0))
                found[owner] = Kept(owner, before.bytes + each.bytes, max(before.at, each.at))
        return found

    def tidy(self) -> None:
        """Remove what writers that crashed have left half written, for a day or longer."""
        self._objects.tidy()

    def check(self) -> None:
        """See that a blob can be written, read and forgotten here. Raises BlobError."""
        job = f"check-{uuid4().hex}"
        ref = self.put(b"backdesk", tenant="backdesk", job=job)
        self.read(ref, "backdesk")
        self.forget(job, "backdesk")

    def _opened(self, ref: BlobRef, tenant: str) -> Iterator[bytes]:
        kept = self._objects.read(key_of(tenant, ref))
        if not ref.key:
            return kept
        return self._keys.open(kept, tenant_of(tenant))

    def _said(self, ref: BlobRef, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Name the blob in what is wrong with it."""
        try:
            yield from chunks
        except FileNotFoundError:
            raise self._not_found(ref) from None
        except (BlobCorrupt, BlobLocked) as error:
            raise type(error)(f"blob {ref.id} in {self.where} {error}") from None

    def _not_found(self, ref: BlobRef) -> BlobNotFound:
        if ref.where and ref.where != self.where:
            return BlobNotFound(
                f"blob {ref.id} is not in this store, {self.where}: it was written to {ref.where}; producers and "
                "workers must share BACKDESK_BLOBS_URL"
            )
        return BlobNotFound(
            f"blob {ref.id} is not in this store, {self.where}: it has expired, or is another tenant's, or producers "
            "and workers on several machines do not share BACKDESK_BLOBS_URL"
        )


class _Counted:
    """What goes by, with its size and its digest; raises `beyond` as soon as it is more than it may be."""

    def __init__(self, source: Source, most_bytes: int, beyond: BlobError) -> None:
        self._source = source
        self._most_bytes = most_bytes
        self._beyond = beyond
        self.digest = hashlib.sha256()
        self.bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in pieces_of(self._source):
            self.bytes += len(piece)
            if self.bytes > self._most_bytes:
                raise self._beyond
            self.digest.update(piece)
            yield piece


def _headers(media_type: str, name: str) -> dict[str, str]:
    """Return what an object store tells who loads a blob: a page in it must not run as one of its own."""
    said = f"attachment; filename*=UTF-8''{quote(name, safe='')}" if name else "attachment"
    return {"Content-Type": media_type, "Content-Disposition": said}

"""The store of blobs: what is too large for Redis, by reference, whole, checked, and of one tenant alone.

Keys are `<deployment>/<tenant>/<owner>/<digest>`: no two deployments meet, the tenant is hashed, so that listing a
bucket names no customer, and the owner is the job with which the blob goes, as a rule. The same bytes written twice for
a job are one blob.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

from pydantic import TypeAdapter

from backdesk.worker.blobs.keys import PARTS, check_deployment, key_of, owned_by, tenant_of
from backdesk.worker.blobs.objects import Kept, Objects, by_owner
from backdesk.worker.blobs.parts import Parts
from backdesk.worker.blobs.sealing import Keyring
from backdesk.worker.blobs.source import Source, pieces_of, write
from backdesk.worker.errors import BlobCorrupt, BlobError, BlobLocked, BlobNotFound, BlobsAhead, BlobTooLarge
from backdesk.worker.model.blob import BINARY, LONGEST_NAME, LONGEST_PLACE, BlobRef, MediaType

#: Where the number of sweeps is noted, within a deployment.
_SWEEPS = "sweeps"
#: A failover may lose what Redis was told last, and with it that there was one sweep.
_MAY_BE_LOST = 1


class BlobStore:
    """Blobs in a place that producers and workers share. Safe in several threads and processes at once.

    Everything blocks. Raises BlobStoreUnavailable when the place cannot be reached.
    """

    def __init__(self, objects: Objects, keys: Keyring, most_bytes: int, deployment: str) -> None:
        self._objects = objects
        self._keys = keys
        #: Whose blobs are written here; what is read, its reference says.
        self.deployment = check_deployment(deployment)
        #: How large a blob may be (BACKDESK_MAX_BLOB_BYTES).
        self.most_bytes = most_bytes
        self.where = objects.where

    def put(self, source: Source, *, tenant: str, job: str, media_type: str = BINARY, name: str = "") -> BlobRef:
        """Keep bytes, a file, a stream or an iterable, whole or not at all, and return the reference.

        `job` is what the blob belongs to, and is forgotten with. Idempotent: the same bytes for the same job are the
        same blob. Raises BlobTooLarge beyond BACKDESK_MAX_BLOB_BYTES, ValueError for what names no job, tenant or type.
        """
        TypeAdapter(MediaType).validate_python(media_type)
        self._owned_by(tenant, job)
        beyond = BlobTooLarge(f"has more than {self.most_bytes:,} bytes, which is the limit (BACKDESK_MAX_BLOB_BYTES)")
        counted = _Counted(source, self.most_bytes, beyond)
        with self._objects.incoming() as incoming:
            write(incoming, counted, self._keys.sealing(tenant_of(tenant)))
            ref = BlobRef(
                owner=job,
                deployment=self.deployment,
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
        copied = ref.model_copy(update={"owner": job, "deployment": self.deployment, "where": self.where})
        if key_of(tenant, copied) != key_of(tenant, ref):
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
        self._owned_by(tenant, job)
        return Parts(self, self._objects, self._keys, self.deployment, name, tenant, job)

    def remove(self, ref: BlobRef, tenant: str) -> None:
        """Remove one blob. Idempotent."""
        self._objects.delete(key_of(tenant, ref))

    def forget(self, job: str, tenant: str) -> None:
        """Remove all blobs of a job, and parts of such. Idempotent."""
        self._objects.delete(self._owned_by(tenant, job))

    def forget_owner(self, owner: str) -> None:
        """The same for what `owners` or `page` has named."""
        self._objects.delete(self._within(f"{owner}/"))

    def forget_parts(self, owner: str) -> None:
        """Remove the parts of blobs that are not whole, of what `owners` or `page` has named. Idempotent."""
        self._objects.delete(self._within(f"{owner}/{PARTS}/"))

    def kept(self, job: str, tenant: str) -> list[Kept]:
        """Return what there is of a job."""
        return list(self._objects.list(self._owned_by(tenant, job)))

    def newest_of(self, owner: str) -> float:
        """Return when the newest blob of what `owners` has named was written, in seconds of the epoch; 0 for none."""
        return max((each.at for each in self._objects.list(self._within(f"{owner}/"))), default=0.0)

    def owners(self, tenant: str | None = None) -> dict[str, Kept]:
        """Return all that have blobs, by `<hashed tenant>/<owner>`: their bytes, and when the newest was written.

        Takes time in proportion to the number of blobs.
        """
        return by_owner(self._list(f"{tenant_of(tenant)}/" if tenant else ""))

    def page(self, after: str, most: int) -> list[Kept]:
        """Return the next blobs of the deployment after one of these, "" for the first; fewer than `most` at the end.

        What is written meanwhile may be among them or not.
        """
        return [*islice(self._list("", after), most)]

    def tidy(self) -> None:
        """Remove what writers that crashed have left half written, for a day or longer."""
        self._objects.tidy()

    def check_sweeps(self, known: int) -> int:
        """Return how many sweeps have been noted here, or raise BlobsAhead when Redis knows of too few of them."""
        if (noted := self.sweeps()) > known + _MAY_BE_LOST:
            raise BlobsAhead(self.where, noted, known)
        return noted

    def sweeps(self) -> int:
        """Return how many sweeps have been noted here; 0 where there was none yet."""
        try:
            return int(b"".join(self._objects.read(self._within(_SWEEPS))))
        except FileNotFoundError:
            return 0
        except ValueError as error:
            raise BlobCorrupt(f"{self._within(_SWEEPS)} in {self.where} is no number") from error

    def note_sweep(self, number: int) -> None:
        """Note that a sweep begins, which is the so-and-so-manieth."""
        with self._objects.incoming() as incoming:
            incoming.write(b"%d" % number)
            incoming.keep(self._within(_SWEEPS), {})

    def others(self) -> list[str]:
        """Return the ids of other deployments that have blobs in this place."""
        return [name for name in self._objects.folders() if name != self.deployment]

    def check(self) -> None:
        """See that a blob can be written, read and forgotten here. Raises BlobError."""
        job = f"check-{uuid4().hex}"
        ref = self.put(b"backdesk", tenant="backdesk", job=job)
        self.read(ref, "backdesk")
        self.forget(job, "backdesk")

    def _list(self, prefix: str, after: str = "") -> Iterator[Kept]:
        within = self._within("")
        for each in self._objects.list(within + prefix, after and within + after):
            yield replace(each, key=each.key.removeprefix(within))

    def _owned_by(self, tenant: str, owner: str) -> str:
        return owned_by(self.deployment, tenant, owner)

    def _within(self, key: str) -> str:
        return f"{self.deployment}/{key}"

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

"""What is among the blobs: large requests and results, and files that bodies have kept."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Commands, InBlobs, Operation
from backdesk.worker.blobs.store import BlobStore
from backdesk.worker.model.blob import BlobRef
from backdesk.worker.model.events import EventType
from backdesk.worker.store.keys.tally import SWEEP_NUMBER

Refs = list[BlobRef]


class BlobOperations:
    """The operations on blobs."""

    def __init__(self, core: JobOperations) -> None:
        self._core = core

    def of(self, job_id: str) -> Operation[Refs]:
        """Return what a job has there: its request, its result, its files. Raises JobNotFound."""
        record = yield from self._core.get(job_id)
        _, events = yield from self._core.log(job_id)
        files = [BlobRef.model_validate(each.data["file"]) for each in events if each.type == EventType.FILE_KEPT]
        found = [ref for ref in (record.request_blob, record.result_blob, *files) if ref is not None]
        return [*dict.fromkeys(found)]

    def read(self, ref: BlobRef, tenant: str) -> Operation[bytes]:
        """Return what is in a blob. Raises BlobError."""
        (data,) = yield InBlobs(lambda blobs: blobs.read(ref, tenant))
        return bytes(data)

    def save(self, ref: BlobRef, to: Path, tenant: str) -> Operation[None]:
        """Write a blob to a file. Raises BlobError, OSError."""
        yield InBlobs(lambda blobs: blobs.save(ref, tenant, to))

    def link(self, ref: BlobRef, seconds: int, tenant: str) -> Operation[str | None]:
        """Return an address of a blob for a while; None where there is none."""
        (link,) = yield InBlobs(lambda blobs: blobs.link(ref, tenant, seconds))
        return link  # type: ignore[no-any-return]  # answers are of any type

    def sizes(self) -> Operation[dict[str, int]]:
        """Return how many bytes each tenant has there, by the last sweep and the submits since."""
        (sizes,) = yield Commands([("HGETALL", self._core.keys.blobs)])
        return {name.decode(): int(size) for name, size in sorted(sizes.items())}

    def check(self) -> Operation[str]:
        """Return where blobs are, having written, read and forgotten one there. Raises BlobError."""
        (known,) = yield Commands([("HGET", self._core.keys.blobs_sweep, SWEEP_NUMBER)])
        (where,) = yield InBlobs(partial(_checked, int(known or 0)))
        return str(where)

    def others(self) -> Operation[list[str]]:
        """Return the ids of other deployments that have blobs in the same place. Raises BlobError."""
        (others,) = yield InBlobs(BlobStore.others)
        return [*others]

    def accept(self) -> Operation[None]:
        """Have what is in the store swept by this Redis, which is behind it. Raises BlobError."""
        (noted,) = yield InBlobs(BlobStore.sweeps)
        yield Commands([("HSET", self._core.keys.blobs_sweep, SWEEP_NUMBER, noted)])


def _checked(known: int, blobs: BlobStore) -> str:
    blobs.check()
    blobs.check_sweeps(known)
    return blobs.where

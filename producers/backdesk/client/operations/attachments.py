"""Files that requests name: kept beside them in Redis for a time, the large ones among the blobs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Calls, InBlobs, Operation
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.memory.calls import Detached, MemoryCalls
from backdesk.worker.memory.files import forget_file, keep_file
from backdesk.worker.model.attachment import PREFIX, attachment_id, digest_of
from backdesk.worker.model.blob import BlobRef
from backdesk.worker.model.contract import field_errors
from backdesk.worker.submit.admission import check_name

if TYPE_CHECKING:
    from backdesk.platform.contract import Attachment

FIELD = "attachment"


class AttachmentOperations:
    """The operations on files."""

    def __init__(self, core: JobOperations) -> None:
        self._core = core
        self._calls = MemoryCalls(core.settings)

    def add(self, tenant: str, file: Path | bytes, name: str | None) -> Operation[Attachment]:
        """Keep a file that is taken, and return how requests name it. Raises InvalidRequest, StoreFull."""
        from backdesk.platform.contract import Attachment  # noqa: PLC0415 - pydantic models, for those who attach

        check_name("tenant", tenant)
        most = self._calls.max_attachment_bytes
        data, name = (file, name) if isinstance(file, bytes) else (_read(file, most), name or file.name)
        try:
            attachment = Attachment(id=attachment_id(data), name=name)
        except ValidationError as error:
            raise InvalidRequest.of(field_errors(error)) from None
        yield from self._keep(tenant, data, name or "")
        if self._calls.is_large(data):
            (ref,) = yield InBlobs(partial(keep_file, data, name or "", tenant=tenant))
            yield from self._keep(tenant, data, name or "", ref)
        return attachment

    def _keep(self, tenant: str, data: bytes, name: str, ref: BlobRef | None = None) -> Operation[None]:
        (kept,) = yield Calls([self._calls.attach(tenant, data, name, ref)])
        if isinstance(kept, Exception):
            raise kept

    def read(self, tenant: str, file_id: str) -> Operation[bytes]:
        """Return the bytes of a file. Raises InvalidRequest for one that is not there (any more), BlobError."""
        (data,) = yield Calls([self._calls.attached(tenant, _digest(tenant, file_id))])
        if data is None:
            raise InvalidRequest(FIELD, f"{tenant!r} has no file {file_id} (any more)")
        if isinstance(data, BlobRef):
            ref = data
            (data,) = yield InBlobs(lambda blobs: blobs.read(ref, tenant))
        return bytes(data)

    def forget(self, tenant: str, file_id: str) -> Operation[bool]:
        """Forget a file; returns whether there was one."""
        return bool((yield from forget_files(self._calls, tenant, [_digest(tenant, file_id)])))


def forget_files(calls: MemoryCalls, tenant: str, digests: Sequence[str]) -> Operation[int]:
    """Forget files; returns how many there were. What is left when this breaks off is swept."""
    if not digests:
        return 0
    were = yield Calls([calls.detach(tenant, digest) for digest in digests])
    for digest, where in zip(digests, were, strict=True):
        if where is Detached.AMONG_BLOBS:
            yield InBlobs(partial(forget_file, digest, tenant=tenant))
    return sum(where is not Detached.NOWHERE for where in were)


def _read(path: Path, most: int) -> bytes:
    """Return what is in a file, or a little more than may be, of one that is too large."""
    try:
        with path.open("rb") as opened:
            return opened.read(most + 1)
    except OSError as error:
        raise InvalidRequest(FIELD, f"{path} cannot be read: {error.strerror}") from None


def _digest(tenant: str, file_id: str) -> str:
    check_name("tenant", tenant)
    if (digest := digest_of(file_id)) is None:
        raise InvalidRequest(FIELD, f"{file_id!r} is no id of a file: these are {PREFIX} and 64 hexadecimal digits")
    return digest

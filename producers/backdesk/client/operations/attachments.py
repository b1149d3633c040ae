"""Files that requests name: kept beside them in Redis, for a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Calls, Operation
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.memory.calls import MemoryCalls
from backdesk.worker.model.attachment import PREFIX, attachment_id, digest_of
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
        most = self._core.settings.max_attachment_bytes
        data, name = (file, name) if isinstance(file, bytes) else (_read(file, most), name or file.name)
        try:
            attachment = Attachment(id=attachment_id(data), name=name)
        except ValidationError as error:
            raise InvalidRequest.of(field_errors(error)) from None
        (kept,) = yield Calls([self._calls.attach(tenant, data, name or "")])
        if isinstance(kept, Exception):
            raise kept
        return attachment

    def read(self, tenant: str, file_id: str) -> Operation[bytes]:
        """Return the bytes of a file. Raises InvalidRequest for one that is not there (any more)."""
        (data,) = yield Calls([self._calls.attached(tenant, _digest(tenant, file_id))])
        if data is None:
            raise InvalidRequest(FIELD, f"{tenant!r} has no file {file_id} (any more)")
        return bytes(data)

    def forget(self, tenant: str, file_id: str) -> Operation[bool]:
        """Forget a file; returns whether there was one."""
        (gone,) = yield Calls([self._calls.detach(tenant, _digest(tenant, file_id))])
        return bool(gone)


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

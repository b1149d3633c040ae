"""Where whole results are kept: small ones in the job's result, others as a file of the tenant's, or on the disk."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from backdesk.kinds.query.contract import Format, ResultFile
from backdesk.worker.attempt.context import BlockingContext
from backdesk.worker.errors import InvalidRequest, StoreFull

#: Of text: what a result holds by itself.
_MOST_CONTENT = 16_384


def content_of(file: Path, form: Format) -> str | None:
    """Return the whole result as text, None if it is none or too large for that."""
    if form == "parquet" or file.stat().st_size > _MOST_CONTENT:
        return None
    return file.read_text("utf-8")


def keep(ctx: BlockingContext, file: Path, folder: Path, keep_s: float) -> ResultFile:
    """Keep a file beyond the job: in Redis while it is small, else in the folder, for `keep_s` seconds.

    Idempotent in that another attempt's file takes the place of the first.
    """
    digest, size = _digest(file), file.stat().st_size
    if size <= ctx.max_attachment_bytes:
        with suppress(InvalidRequest, StoreFull):  # of a form that is not taken, or there is no room for it
            kept = ctx.attach(file.read_bytes(), f"{ctx.job_id}{file.suffix}")
            return ResultFile(attachment_id=kept, bytes=size, sha256=digest)
    _sweep(folder, keep_s)
    whose = folder / hashlib.sha256(ctx.tenant.encode()).hexdigest()[:16]
    whose.mkdir(parents=True, exist_ok=True, mode=0o700)
    target, incoming = whose / f"{_plain(ctx.job_id)}{file.suffix}", whose / f".{uuid4().hex}"
    shutil.copyfile(file, incoming)
    incoming.replace(target)
    return ResultFile(path=str(target.resolve()), bytes=size, sha256=digest)


def is_there(file: ResultFile | None, ctx: BlockingContext) -> bool:
    """Whether a file is still kept; then it is for longer."""
    if file is None:
        return True
    if file.attachment_id is not None:
        return ctx.attached(file.attachment_id) is not None
    with suppress(OSError):
        os.utime(file.path or "")
        return True
    return False


def _plain(job_id: str) -> str:
    """Jobs may be named by their producers: of such a name a file gets the digest."""
    return job_id if job_id.replace("-", "").isalnum() and len(job_id) < 100 else _of(job_id)


def _of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _sweep(folder: Path, keep_s: float) -> None:
    """Remove what is older than it is kept; another process may do so at the same time."""
    for file in folder.glob("*/*"):
        with suppress(FileNotFoundError):
            if file.stat().st_mtime < time.time() - keep_s:
                file.unlink()

"""Where whole results are kept: small texts in the job's result, others as a file of the job."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from backdesk.kinds.query.contract import Format
from backdesk.worker.attempt.context import BlockingContext
from backdesk.worker.errors import BlobError
from backdesk.worker.model.blob import BlobRef

#: Of text: what a result holds by itself.
_MOST_CONTENT = 16_384


def content_of(file: Path, form: Format) -> str | None:
    """Return the whole result as text, None if it is none or too large for that."""
    if form == "parquet" or file.stat().st_size > _MOST_CONTENT:
        return None
    return file.read_text("utf-8")


def keep(ctx: BlockingContext, file: Path) -> BlobRef:
    """Keep a file with the job. Idempotent: the same result is the same file. Raises BlobError."""
    return ctx.keep_file(file, f"result{file.suffix}")


def kept_again(ctx: BlockingContext, file: BlobRef) -> BlobRef | None:
    """Keep a file of an earlier job with this one, which may outlive it; None where it is there no longer."""
    with TemporaryDirectory(prefix="backdesk-query-") as folder:
        copy = Path(folder) / file.name
        try:
            ctx.save_file(file, copy)
        except BlobError:
            return None
        return keep(ctx, copy)

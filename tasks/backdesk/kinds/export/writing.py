"""The writing of a file from a source, part by part."""

from __future__ import annotations

import csv
import io
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

from backdesk.kinds.export.contract import ExportRequest, ExportResult, Format
from backdesk.kinds.export.files import check_sheet, write_parquet, write_xlsx
from backdesk.kinds.export.meter import Meter
from backdesk.kinds.export.sources import Reader, Source, Type, known, source_of
from backdesk.platform.deployment import deployment
from backdesk.worker.attempt.context import BlockingContext
from backdesk.worker.blobs.parts import Parts
from backdesk.worker.errors import TaskError
from backdesk.worker.model.blob import BlobRef

#: At most ten events of progress a second.
REPORT_EVERY_S = 0.1
#: The parts of an export that are behind it when all rows are read, and by writing them; the rest is to keep the file.
SHARES: Mapping[Format, tuple[float, float]] = {"csv": (0.95, 0.0), "parquet": (0.8, 0.0), "xlsx": (0.45, 0.45)}
MEDIA: Mapping[str, str] = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class Position(BaseModel):
    """Where an export is: what was read by the last part that is kept."""

    after: int | str | None = None
    parts: int = 0
    rows: int = 0
    bytes: int = 0
    #: Whether all rows are read.
    read: bool = False
    began: float = 0.0


def write(ctx: BlockingContext, request: ExportRequest) -> ExportResult:
    """Write all rows of a source into a file that is kept with the job. Raises TaskError."""
    source = source_of(request.source)
    if source is None:
        raise TaskError("unknown_source", f"there is no source {request.source!r}; there are: {', '.join(known())}")
    columns, parts = _columns(request, source), ctx.file_parts("rows")
    work = _Export(ctx, request, columns, parts, _position(ctx, parts))
    with _cleared(ctx, parts):
        if not work.position.read:
            work.read(source.open(ctx.tenant, list(columns)))
        file = ctx.step("file", work.keep, returns=BlobRef)
    parts.discard()
    work.told.kept(work.position.rows, file.bytes)
    return work.result(file)


def _columns(request: ExportRequest, source: Source) -> dict[str, Type]:
    names = list(dict.fromkeys(request.columns or source.columns))
    if unknown := [name for name in names if name not in source.columns]:
        raise TaskError(
            "unknown_column",
            f"{request.source!r} has no column {', '.join(unknown)}; there are: {', '.join(source.columns)}",
        )
    return {name: source.columns[name] for name in names}


def _position(ctx: BlockingContext, parts: Parts) -> Position:
    """Return where an earlier attempt was; the beginning where there is none, or what it has kept is not there."""
    position = Position.model_validate(ctx.restored or {"began": time.time()})
    there = parts.there()
    if ctx.finished("file") or all(number in there for number in range(position.parts)):
        return position
    return Position(began=position.began)


@dataclass(slots=True)
class _Export:
    """One attempt at an export."""

    ctx: BlockingContext
    request: ExportRequest
    columns: Mapping[str, Type]
    parts: Parts
    position: Position
    told: _Told = field(init=False)

    def __post_init__(self) -> None:
        self.told = _Told(self.ctx, self.request.format)

    def read(self, reader: Reader) -> None:
        """Keep all rows that are not kept yet, part by part."""
        at, total, as_csv = self.position, reader.count(), self.request.format == "csv"
        self._check(total or 0)
        self.told.reading(at, total, now=True)
        if at.parts == 0:  # the first has the header, and each later one a page
            self._keep(_header(self.columns) if as_csv else b"")
        with closing(reader.pages(at.after, self.request.rows_per_part)) as pages:
            for page in pages:
                data = page.csv(escape=self.request.escape_formulas) if as_csv else page.lines()
                at.after, at.rows = page.last, at.rows + page.rows
                self._check(at.rows)
                self._keep(data)
                self.told.reading(at, total)
                if self.request.pause_ms_per_part:
                    time.sleep(self.request.pause_ms_per_part / 1000)
        at.read = True
        self.ctx.checkpoint(at)
        self.told.reading(at, at.rows, now=True)

    def keep(self) -> BlobRef:
        """Make the file of its parts, and keep it. Idempotent: the same parts are the same file."""
        form, rows = self.request.format, self.position.rows
        name = f"{self.request.source}.{form}"
        if form == "csv":
            return self.ctx.keep_file(self.parts.read(self.position.parts), name, MEDIA[form])
        with _folder(self.ctx.job_id) as folder:
            lines, whole = folder / "rows.json", folder / name
            with lines.open("wb") as spool:
                spool.writelines(self.parts.read(self.position.parts))
            if form == "parquet":
                write_parquet(lines, whole, self.columns)
            else:
                write_xlsx(lines, whole, self.columns, lambda written: self.told.writing(written, rows))
            return self.ctx.keep_file(whole, name, MEDIA[form])

    def result(self, file: BlobRef) -> ExportResult:
        """Put together what the caller gets."""
        return ExportResult(
            file=file,
            source=self.request.source,
            format=self.request.format,
            columns=list(self.columns),
            rows=self.position.rows,
            bytes=file.bytes,
            sha256=file.sha256,
            elapsed_seconds=round(time.time() - self.position.began, 3),
        )

    def _keep(self, data: bytes) -> None:
        self.parts.put(self.position.parts, data)
        self.position.parts += 1
        self.position.bytes += len(data)
        self.ctx.checkpoint(self.position)

    def _check(self, rows: int) -> None:
        most = self.parts.store.most_bytes
        if self.request.format == "xlsx":
            check_sheet(rows, len(self.columns))
        if self.request.format == "csv" and self.position.bytes > most:
            raise TaskError(
                "export_too_large",
                f"row {rows:,} is beyond the {most:,} bytes that a file may have (BACKDESK_MAX_BLOB_BYTES)",
            )


def _header(columns: Mapping[str, Type]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(columns)
    return text.getvalue().encode()


class _Told:
    """Tells how far an export is: by rows that are read and, in a workbook, written; it is all done when it is kept."""

    def __init__(self, ctx: BlockingContext, form: Format) -> None:
        self._ctx = ctx
        self._read, self._written = SHARES[form]
        self._next = 0.0
        self._reading = Meter()
        self._writing: Meter | None = None

    def reading(self, at: Position, total: int | None, *, now: bool = False) -> None:
        """Tell how many rows are read, of how many if that is known; always, or when it is time."""
        if not (self._due() or now):
            return
        if total is None:
            self._ctx.progress(None, f"{at.rows:,} rows read", rows=at.rows, bytes=at.bytes)
            return
        total = max(total, at.rows)
        estimate = self._reading.told(at.rows, total)
        if self._written:
            estimate.pop("remaining_s", None)  # of the writing nothing is known yet
        fraction = self._read * (at.rows / total if total else 1.0)
        self._tell("read", fraction, at.rows, total, bytes=at.bytes, **estimate)

    def writing(self, rows: int, total: int) -> None:
        """Tell how many rows of a workbook are written, when it is time."""
        self._writing = self._writing or Meter()
        if self._due():
            fraction = self._read + self._written * rows / total
            self._tell("written", fraction, rows, total, **self._writing.told(rows, total))

    def kept(self, rows: int, size: int) -> None:
        """Tell that the file is there."""
        self._ctx.progress(1.0, f"{rows:,} rows in {size:,} bytes", rows=rows, total=rows, bytes=size)

    def _tell(self, verb: str, fraction: float, rows: int, total: int, **data: object) -> None:
        self._ctx.progress(fraction, f"{rows:,} of {total:,} rows {verb}", rows=rows, total=total, **data)

    def _due(self) -> bool:
        if (now := time.monotonic()) < self._next:
            return False
        self._next = now + REPORT_EVERY_S
        return True


@contextmanager
def _cleared(ctx: BlockingContext, parts: Parts) -> Iterator[None]:
    """Leave nothing behind when the job is cancelled, or has failed for good."""
    try:
        yield
    except TaskError as error:
        if not error.transient:
            parts.discard()
        raise
    except BaseException:
        if ctx.cancelled:
            parts.store.forget(ctx.job_id, ctx.tenant)
        raise


@contextmanager
def _folder(job_id: str) -> Iterator[Path]:
    """Give a folder of the job's own on this machine: what a crash has left there goes first, all of it in the end."""
    folder = deployment().settings.data_dir / "exports" / job_id
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)

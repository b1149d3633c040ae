"""`backdesk submit KIND --each FILE`: a job for each line of a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.progress import Progress

from backdesk.cli.connection import connected
from backdesk.cli.errors import CommandFailed, ExitCode
from backdesk.cli.options.request_source import read_lines
from backdesk.cli.output import Output
from backdesk.cli.views.holds import record_lack_text
from backdesk.client import Job
from backdesk.client.operations.jobs import id_in_batch
from backdesk.worker.errors import BackdeskError, IdempotencyConflict, InvalidRequest, StoreUnavailable

_POSITION = re.compile(r"\[(\d+)\]\.")


def submit_each(kind: str, source: str, batch: str | None, options: dict[str, Any], out: Output) -> None:
    """Submit a job for each line of `source`, and tell of them.

    All lines are checked before one job is written: InvalidRequest names the line and the field.
    """
    lines = read_lines("each", source)
    numbers = [number for number, _ in lines]
    with connected() as client, _told(len(lines), batch, out) as progress, _by_line(numbers, batch, options["tenant"]):
        jobs = client.submit_many(kind, [body for _, body in lines], batch=batch, progress=progress, **options)
        _announce(kind, numbers, jobs, out)


def _announce(kind: str, numbers: Sequence[int], jobs: Sequence[Job], out: Output) -> None:
    for number, job in zip(numbers, jobs, strict=True):
        out.document({"line": number, "job_id": job.id, "created": job.created})
    made = sum(job.created for job in jobs)
    found = f"; {len(jobs) - made:,} were there already" if made < len(jobs) else ""
    out.line(f"submitted {made:,} of {kind}{found}")
    kept = next((job for job in jobs if not job.forgotten), None)
    record = kept.get() if kept else None
    if record and record.unserved:
        out.note(f"they wait: {record_lack_text(record, record.unserved)}", "yellow")


@contextmanager
def _told(total: int, batch: str | None, out: Output) -> Iterator[Callable[[int], None]]:
    """Show how many are written to those who watch, and tell it of a call that broke off."""
    written = 0

    def tell(count: int) -> None:
        nonlocal written
        written = count
        bar.update(task, completed=count)

    with Progress(console=out.console, transient=True, disable=not out.live) as bar:
        task = bar.add_task("submitting", total=total)
        try:
            yield tell
        except (BackdeskError, KeyboardInterrupt) as error:
            if written or isinstance(error, StoreUnavailable | KeyboardInterrupt):
                out.note(_rest(written, total, batch, error))
            raise


def _rest(written: int, total: int, batch: str | None, error: BaseException) -> str:
    said = f"{written:,} of {total:,} jobs are known to be written"
    if isinstance(error, CommandFailed):
        return said
    if batch is None:
        return f"{said}; a repeat would make them again, as there was no --batch"
    return f"{said}; the same command again writes the rest, and none twice"


@contextmanager
def _by_line(numbers: Sequence[int], batch: str | None, tenant: str) -> Iterator[None]:
    """Say of what is refused which line it is."""
    try:
        yield
    except IdempotencyConflict as conflict:
        ids = (id_in_batch(batch, tenant, at) for at in range(len(numbers)))
        line = next((number for number, its in zip(numbers, ids, strict=True) if its == conflict.job_id), None)
        if batch is None or line is None:
            raise
        reason = f"line {line}: the batch {batch!r} has another request there; take another name for another file"
        raise CommandFailed("idempotency_conflict", reason, ExitCode.REFUSED) from None
    except InvalidRequest as error:
        places = {name: _POSITION.match(name) for name in error.fields}
        if not all(places.values()):
            raise
        raise InvalidRequest.of(
            {
                f"line {numbers[int(place[1])]}: {name[place.end() :]}": error.fields[name]
                for name, place in places.items()
                if place
            }
        ) from None

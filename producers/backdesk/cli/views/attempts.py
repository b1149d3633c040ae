"""The attempts at a job as people read them, the one at hand or the last one included."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.table import Table
from rich.text import Text

from backdesk.cli.options.moments import shown_span
from backdesk.cli.output import table
from backdesk.cli.safe_text import safe_line
from backdesk.worker.model.job import Attempt, JobRecord, JobState

FAILED = "failed"
_STYLES = {FAILED: "red", "lost": "red", "running": "cyan", "succeeded": "green"}


def attempts_of(record: JobRecord) -> Iterator[Attempt]:
    """Yield the former attempts, and the newest if it is not among them."""
    yield from record.attempts
    if record.attempt > (record.attempts[-1].attempt if record.attempts else 0):
        yield Attempt(
            attempt=record.attempt,
            worker=record.worker or "",
            started_at=record.started_at,
            ended_at=record.finished_at or datetime.now(UTC),
            outcome=record.state,
            error=record.error,
        )


def failures_text(record: JobRecord) -> str:
    """Return how many attempts have failed, and how many may."""
    last = record.state is JobState.FAILED and not any(a.attempt == record.attempt for a in record.attempts)
    failed = record.failures + (1 if last and record.attempt else 0)
    return f"{failed} of {record.retry.attempts} allowed" if record.retry else f"{failed}; the kind says how many may"


def attempts_table(record: JobRecord) -> Table:
    """Return a row an attempt."""
    rows = table("attempt", "worker", "outcome", "error", "took", keep=("outcome", "took"))
    for each in attempts_of(record):
        seconds = (each.ended_at - each.started_at).total_seconds() if each.started_at else None
        rows.add_row(
            Text(str(each.attempt)),
            Text(safe_line(each.worker)),
            Text(each.outcome.replace("_", " "), _STYLES.get(each.outcome, "")),
            Text(safe_line(each.error.code) if each.error else ""),
            Text("" if seconds is None else shown_span(max(seconds, 0))),
        )
    return rows

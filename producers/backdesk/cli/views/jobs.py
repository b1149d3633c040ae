"""Several jobs, a line each, with what is wrong or asked beneath; a narrow terminal gets fewer columns."""

from __future__ import annotations

from collections.abc import Sequence

from backdesk.cli.options.moments import shown_span
from backdesk.cli.output import Output
from backdesk.cli.safe_text import safe_line
from backdesk.cli.views.asks import ask_text
from backdesk.cli.views.fitted_table import show_fitted
from backdesk.cli.views.holds import hold_text, state_text
from backdesk.cli.views.record import STATE_STYLES, age, failure_text
from backdesk.worker.model.job import JobRecord, JobRow

Job = JobRecord | JobRow

_COLUMNS = ("id", "kind", "tenant", "state", "attempt", "age", "took")
#: Columns that are left out where there is no room for all, one after the other.
_DISPENSABLE = ("took", "tenant", "attempt")


def show_jobs(records: Sequence[Job], out: Output) -> None:
    """Print jobs."""
    for record in show_fitted(records, out, cells=_cells, style=_style, dispensable=_DISPENSABLE):
        notes, asks = (_row_notes(record), False) if isinstance(record, JobRow) else (_notes(record), bool(record.asks))
        for note in notes:
            out.line(f"  {safe_line(note, out.console.width - 2)}", "yellow" if asks else "dim")


def _cells(record: Job) -> dict[str, str]:
    took = (record.finished_at - record.created_at).total_seconds() if record.finished_at else None
    cells = (
        record.id,
        safe_line(record.kind),
        record.tenant,
        f"{state_text(record)}{'*' if record.degraded else ''}",
        str(record.attempt),
        age(record.created_at),
        "" if took is None else shown_span(took),
    )
    return dict(zip(_COLUMNS, cells, strict=True))


def _style(record: Job, column: str) -> str:
    if column != "state":
        return ""
    return "yellow" if record.limited or record.unserved else STATE_STYLES.get(record.state, "")


def _notes(record: JobRecord) -> list[str]:
    if record.unreadable:
        return [f"UNREADABLE: {name} {found}" for name, found in record.unreadable.items()]
    if record.degraded:
        return [f"* DEGRADED: a fallback answered in place of {failure_text(record.degraded)}"]
    if record.error:
        return [failure_text(record.error)]
    if record.cancelling:
        return ["being cancelled"]
    if hold := hold_text(record):
        return [hold]
    return [ask_text(ask) for ask in record.asks]


def _row_notes(row: JobRow) -> list[str]:
    if row.unreadable:
        return [f"UNREADABLE: {', '.join(row.unreadable)}"]
    held = hold_text(row)
    told = failure_text(row.error) if row.error else "being cancelled" if row.cancelling else held
    return [note for note in (row.subject, told) if note]

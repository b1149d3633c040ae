"""Schedules as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from backdesk.cli.options.moments import rough_span, shown_span
from backdesk.cli.output import Output, facts
from backdesk.cli.safe_text import safe_line
from backdesk.cli.views.budget import budget_text
from backdesk.cli.views.fitted_table import show_fitted
from backdesk.cli.views.record import STATE_STYLES, age, pretty
from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.schedule import ScheduleRecord

_COLUMNS = ("name", "kind", "tenant", "next", "last")
#: Columns that are left out where there is no room for all, one after the other.
_DISPENSABLE = ("tenant", "kind")


def show_schedules(records: Sequence[ScheduleRecord], out: Output) -> None:
    """Print schedules: when each fires next and has fired last, and beneath when it fires at all and what was amiss."""
    for record in show_fitted(records, out, cells=_cells, style=_style, dispensable=_DISPENSABLE):
        out.line(f"  {'; '.join(_notes(record))}", "dim")
        if record.error:
            out.line(f"  {safe_line(record.error.message)}", "red")


def _cells(record: ScheduleRecord) -> dict[str, str]:
    last = f"{_state(record)} {age(record.last_fired_at)} ago" if record.last_fired_at else ""
    cells = (record.name, safe_line(record.kind), record.tenant, next_text(record), last)
    return dict(zip(_COLUMNS, cells, strict=True))


def _style(record: ScheduleRecord, column: str) -> str:
    return STATE_STYLES.get(record.last_state, "") if column == "last" and record.last_state else ""


def _notes(record: ScheduleRecord) -> Iterator[str]:
    yield when_text(record)
    if record.last_job:
        yield f"last job {record.last_job}"
    if record.misfires:
        yield f"{record.misfires} missed"


def show_schedule(record: ScheduleRecord, out: Output) -> None:
    """Print everything about a schedule."""
    out.show(facts(_facts(record)))
    if record.request_blob is not None:
        out.line("")
        out.line(f"its request has {record.request_blob.bytes:,} bytes, and is kept as a blob")
    for name, value in (("request", record.request), ("metadata", record.metadata)):
        if value:
            out.line("")
            out.line(name, "bold")
            out.block(pretty(value))


def when_text(record: ScheduleRecord) -> str:
    """Return when a schedule fires."""
    if record.cron is not None:
        return f"{record.cron} {record.timezone}"
    seconds = record.every_s or 0
    return f"every {seconds:g} s" if seconds < 60 else f"every {shown_span(seconds)}"


def next_text(record: ScheduleRecord) -> str:
    """Return when a schedule fires next, by its own clocks and from now, or why it does not."""
    if record.next_at is None:
        return "never, it has ended"
    if record.paused:
        return "paused"
    left = (record.next_at - datetime.now(UTC)).total_seconds()
    return f"{_local(record, record.next_at)}, {f'in {rough_span(left)}' if left > 0 else 'due'}"


def _state(record: ScheduleRecord) -> str:
    return str(record.last_state or "forgotten") if record.last_job else ""


def _facts(record: ScheduleRecord) -> Iterator[tuple[str, str]]:
    yield "schedule", record.name
    yield "kind", safe_line(record.kind)
    yield "tenant", record.tenant
    yield "when", when_text(record)
    yield "next", next_text(record)
    if record.error:
        yield "error", safe_line(record.error.message)
        yield "", f"at its firing for {_local(record, record.error.planned_at)}"
    if record.last_fired_at and record.last_planned_at:
        yield "last fired", _local(record, record.last_fired_at)
        yield "  planned for", _local(record, record.last_planned_at)
        yield "  job", f"{record.last_job}, {_state(record)}"
    yield "fired", _counts(record)
    yield "if missed", {"once": "fire once for all that was missed", "skip": "leave it out"}[record.missed]
    yield "if the last job goes on", {"allow": "fire all the same", "skip": "leave it out"}[record.overlap]
    for name, moment in (("starts", record.starts), ("ends", record.ends), ("created", record.created_at)):
        if moment:
            yield name, _local(record, moment)
    yield from _options(record)


def _options(record: ScheduleRecord) -> Iterator[tuple[str, str]]:
    if record.priority is not None:
        yield "priority", str(record.priority)
    spans = (("time-out", record.timeout_s), ("begins within", record.start_by_s), ("done within", record.expires_s))
    for name, seconds in spans:
        if seconds is not None:
            yield name, shown_span(seconds)
    if record.retry:
        yield "retries", f"{record.retry.attempts} attempts may fail"
    if record.budget:
        yield "budget", f"{budget_text(record.budget)} for each job"
    if record.slots:
        yield "slots", str(record.slots)


def _counts(record: ScheduleRecord) -> str:
    counts = ((record.misfires, "missed"), (record.skipped, "left out"), (record.failed, "refused"))
    more = "".join(f", {count} {word}" for count, word in counts if count)
    return f"{record.fired} {'time' if record.fired == 1 else 'times'}{more}"


def _local(record: ScheduleRecord, moment: datetime) -> str:
    try:
        return moment.astimezone(record.zone).strftime("%Y-%m-%d %H:%M:%S %Z")
    except InvalidRequest:  # a zone that this machine does not know
        return moment.strftime("%Y-%m-%d %H:%M:%S UTC")

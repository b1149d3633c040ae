"""A job's record as people read it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from producers.cli.failures import ExitCode
from producers.cli.moments import rough_span, shown_span
from producers.cli.output import Output, facts
from producers.cli.safe_text import safe_block, safe_line
from worker.job import JobRecord, JobState

STATE_STYLES = {
    JobState.SUCCEEDED: "green",
    JobState.FAILED: "red",
    JobState.CANCELLED: "red",
    JobState.EXPIRED: "red",
    JobState.RUNNING: "cyan",
    JobState.WAITING: "cyan",
}


def end_of(record: JobRecord, out: Output) -> ExitCode:
    """Print how a job ended, and return what the command ends with."""
    took = f" in {shown_span(_seconds(record))}" if record.finished_at else ""
    attempts = f", attempt {record.attempt}" if record.attempt > 1 else ""
    if record.state is JobState.SUCCEEDED:
        out.line(f"{record.state}{took}{attempts}", "bold green")
        if record.result is not None:
            out.block(pretty(record.result))
        return ExitCode.OK
    if not out.as_json:
        reason = f": [{record.error.code}] {record.error.message}" if record.error else ""
        out.note(f"job {record.id} {record.state}{took}{attempts}{reason}", "bold red")
    return ExitCode.FAILED


def show_record(record: JobRecord, out: Output) -> None:
    """Print everything about a job."""
    out.show(facts(_facts(record)))
    for name, value in (("request", record.request), ("metadata", record.metadata), ("result", record.result)):
        if value:
            out.line("")
            out.line(name, "bold")
            out.block(pretty(value))


def age(moment: datetime) -> str:
    """Return how long ago a moment was."""
    return rough_span(max((datetime.now(UTC) - moment).total_seconds(), 0))


def pretty(value: Any) -> str:
    """Return JSON over several lines, as safe text."""
    return safe_block(json.dumps(value, indent=2, ensure_ascii=False))


def _facts(record: JobRecord) -> Iterator[tuple[str, str]]:
    yield "job", record.id
    yield "kind", safe_line(record.kind)
    yield "state", record.state
    if record.error:
        yield "error", safe_line(f"[{record.error.code}] {record.error.message} ({record.error.category})")
        for field, reason in record.error.fields.items():
            yield "", safe_line(f"{field}: {reason}")
    yield "tenant", record.tenant
    yield "queue", f"{record.queue}, priority {record.priority}"
    yield "attempt", f"{record.attempt}{f' on {safe_line(record.worker)}' if record.worker else ''}"
    for name in ("created_at", "run_at", "started_at", "finished_at", "expires_at"):
        if moment := getattr(record, name):
            yield name.removesuffix("_at").replace("run", "runs at"), _moment(moment)
    if record.finished_at:
        yield "took", shown_span(_seconds(record))
    if record.usage and record.usage.requests:
        yield "usage", usage_text(record)
    if record.idempotency_key:
        yield "key", safe_line(record.idempotency_key)
    yield "events", str(record.events)


def usage_text(record: JobRecord) -> str:
    """Return what a job consumed of the model."""
    used = record.usage
    if used is None:
        return "none"
    tokens = f"{used.input_tokens} + {used.output_tokens} tokens"
    return f"{used.requests} model requests, {tokens} in and out, {used.tool_calls} tool calls"


def _moment(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def _seconds(record: JobRecord) -> float:
    end = record.finished_at or record.created_at
    return (end - record.created_at).total_seconds()

"""A job's record as people read it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from backdesk.cli.errors import ExitCode
from backdesk.cli.options.moments import rough_span, shown_span
from backdesk.cli.output import Output, facts
from backdesk.cli.safe_text import safe_block, safe_line
from backdesk.cli.views.asks import show_asks
from backdesk.cli.views.attempts import attempts_table, failures_text
from backdesk.cli.views.budget import budget_facts, cost_text
from backdesk.cli.views.holds import hold_text, state_text
from backdesk.cli.views.measures import measures_text
from backdesk.worker.failure import Failure
from backdesk.worker.model.blob import BlobRef
from backdesk.worker.model.job import JobRecord, JobState

STATE_STYLES = {
    JobState.SUCCEEDED: "green",
    JobState.STEERED: "green",
    JobState.FAILED: "red",
    JobState.CANCELLED: "red",
    JobState.EXPIRED: "red",
    JobState.RUNNING: "cyan",
    JobState.WAITING: "yellow",
}


def end_of(record: JobRecord, out: Output) -> ExitCode:
    """Print how a job ended, and return what the command ends with."""
    took = f" in {shown_span(_seconds(record))}" if record.finished_at else ""
    attempts = f", attempt {record.attempt}" if record.attempt > 1 else ""
    if record.state is JobState.SUCCEEDED:
        out.line(f"{record.state}{took}{attempts}", "bold green")
        if record.degraded:
            out.line(f"DEGRADED: a fallback answered in place of {failure_text(record.degraded)}", "bold yellow")
        if record.result is not None:
            out.block(pretty(record.result))
        if record.result_blob:
            out.line(f"result of {_blob_text(record.id, record.result_blob)}")
        return ExitCode.OK
    if record.state is JobState.STEERED:
        out.line(f"{record.state}: job {record.steered_into} has taken its message, and answers it", "bold green")
        return ExitCode.OK
    if not out.as_json:
        reason = f": {failure_text(record.error)}" if record.error else ""
        out.note(f"job {record.id} {record.state}{took}{attempts}{reason}", "bold red")
    return ExitCode.FAILED


def show_record(record: JobRecord, out: Output, children: Sequence[str] = ()) -> None:
    """Print everything about a job."""
    out.show(facts(chain(_facts(record), (("child", child) for child in children))))
    show_asks(record, out)
    if record.attempts:
        out.line("")
        out.show(attempts_table(record))
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
    yield "state", f"{state_text(record)}{', being cancelled' if record.cancelling else ''}"
    if hold := hold_text(record):
        yield "waits", hold
    if record.degraded:
        yield "DEGRADED", safe_line(f"a fallback answered in place of {failure_text(record.degraded)}")
    if record.error:
        yield from _error(record.error)
    for name, found in record.unreadable.items():
        yield "UNREADABLE", safe_line(f"{name} {found}")
    yield "tenant", record.tenant
    slots = f", takes {record.slots} {'slot' if record.slots == 1 else 'slots'}" if record.slots else ""
    yield "queue", f"{record.queue or 'none'}, priority {record.priority}{slots}"
    yield "attempt", f"{record.attempt}{f' on {safe_line(record.worker)}' if record.worker else ''}"
    if record.version:
        yield "version", safe_line(record.version)
    if record.failures or record.retry:
        yield "failures", failures_text(record)
    if record.crashes:
        yield "crashes", f"its worker was lost {record.crashes} {'time' if record.crashes == 1 else 'times'}"
    yield from _times(record)
    if record.usage and record.usage.requests:
        yield "usage", usage_text(record)
    if record.usage and record.usage.measures:
        yield "measured", measures_text(record.usage.measures)
    yield from budget_facts(record)
    yield from _blobs(record)
    yield from _ties(record)
    yield "events", str(record.events)


def _blobs(record: JobRecord) -> Iterator[tuple[str, str]]:
    for name, blob in (("request", record.request_blob), ("result", record.result_blob)):
        if blob:
            yield name, _blob_text(record.id, blob)


def _blob_text(job_id: str, blob: BlobRef) -> str:
    return f"{blob.bytes:,} bytes, kept as a blob: backdesk blobs get {job_id} {blob.sha256[:12]} --to FILE"


def _ties(record: JobRecord) -> Iterator[tuple[str, str]]:
    if record.conversation:
        yield "conversation", safe_line(record.conversation)
    if record.idempotency_key:
        yield "key", safe_line(record.idempotency_key)
    ties = {"parent": record.parent, "replay of": record.origin, "replayed as": record.replayed_as}
    for name, job_id in (ties | {"steered into": record.steered_into}).items():
        if job_id:
            yield name, job_id
    for message in record.messages:
        yield "took", f"the message of {message.job_id}"


def _error(error: Failure) -> Iterator[tuple[str, str]]:
    yield "error", safe_line(failure_text(error))
    for field, reason in error.fields.items():
        yield "", safe_line(f"{field}: {reason}")
    soonest = f", worth another try in {shown_span(error.retry_after_s)}" if error.retry_after_s else ""
    fallback = ", a fallback is available" if error.fallback_available else ""
    transient = "transient" if error.transient else "not transient"
    yield "", f"{error.category}, severity {error.severity}, {transient}{soonest}{fallback}"
    if error.reference:
        yield "reference", error.reference


def _times(record: JobRecord) -> Iterator[tuple[str, str]]:
    for name in ("created_at", "run_at", "started_at", "finished_at"):
        if moment := getattr(record, name):
            yield name.removesuffix("_at").replace("run", "runs at"), _moment(moment)
    if record.finished_at:
        yield "took", shown_span(_seconds(record))
    if record.timeout_s is not None:
        yield "time-out", f"{shown_span(record.timeout_s)} for an attempt"
    if record.start_by:
        yield "begins by", _moment(record.start_by)
    if record.expires_at:
        yield "done by", _moment(record.expires_at)


def failure_text(failure: Failure) -> str:
    """Return a failure as one line: its code and message."""
    return f"[{failure.code}] {failure.message}"


def usage_text(record: JobRecord) -> str:
    """Return what a job consumed of the model."""
    used = record.usage
    if used is None:
        return "none"
    tokens = f"{used.input_tokens} + {used.output_tokens} tokens"
    cached = f" ({used.cached_requests} answered from the cache)" if used.cached_requests else ""
    calls = f"{used.requests} model requests{cached}, {tokens} in and out, {used.tool_calls} tool calls"
    return f"{calls}, {cost_text(used.cost_usd)}"


def _moment(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def _seconds(record: JobRecord) -> float:
    end = record.finished_at or record.created_at
    return (end - record.created_at).total_seconds()

"""`backdesk watch`, `show`, `list` and `cancel`: what has become of a job."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.text import Text

from producers.cli.connection import connected
from producers.cli.event_text import event_line
from producers.cli.failures import ExitCode
from producers.cli.following import follow, subscribed
from producers.cli.moments import read_span, shown_span
from producers.cli.output import AsJson, Output, table
from producers.cli.record_view import STATE_STYLES, age, end_of, show_record
from producers.cli.safe_text import safe_line
from worker.errors import ResultTimeout
from worker.job import JobRecord, JobState

JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id.")]


def watch(
    job_id: JobId,
    after: Annotated[int, typer.Option(min=0, metavar="N", help="Begin after event number N.")] = 0,
    timeout: Annotated[
        str | None, typer.Option(metavar="TIME", help="How long to watch; then exit with 4. The job goes on.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Follow a job's events until it ends: those so far, then each as it comes.

    For example:

        backdesk watch 4be0643f-1d98-473b-97ca-98a65347dd9c --after 20

    With --json each event is one JSON object on a line of its own.

    """
    out = Output(as_json=as_json)
    seconds = None if timeout is None else read_span("timeout", timeout).total_seconds()
    deadline = None if seconds is None else time.monotonic() + seconds
    with connected() as client:
        record = client.get(job_id)
        if not record.done or after < record.events:  # else nothing is left to watch
            with subscribed(client, job_id, min(after, record.events), deadline) as events:
                follow(events, out)
            record = client.get(job_id)
    if not record.done:
        raise ResultTimeout(job_id, seconds or 0.0)
    if (code := end_of(record, out)) is not ExitCode.OK:
        raise typer.Exit(code)


def show(
    job_id: JobId,
    events: Annotated[bool, typer.Option("--events", help="Print the event log too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a job: its state, error or result, times, usage, and how many events it has.

    For example:

        backdesk show 4be0643f-1d98-473b-97ca-98a65347dd9c --events

    With --json this is the record; with --events its `log` holds the events.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        record = client.get(job_id)
        log = client.events(job_id) if events else []
    out.document(record.model_dump(mode="json") | ({"log": log} if events else {}))
    show_record(record, out)
    if log:
        out.line("")
        out.line("log", "bold")
    for event in log:
        out.line(event_line(event))


def list_jobs(
    state: Annotated[JobState | None, typer.Option(help="Only jobs in this state.")] = None,
    tenant: Annotated[str | None, typer.Option(metavar="NAME", help="Only this tenant's jobs.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Only jobs of this kind.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="How many at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the newest jobs: by creation for one tenant, else by their last change of state.

    For example:

        backdesk list --state failed --kind support.request --limit 5

    With --json this is one array of records.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        records = client.list(state=state, tenant=tenant, kind=kind, limit=limit)
    out.document(records)
    if not records:
        out.line("no jobs fit; submit one with: backdesk submit KIND")
        return
    rows = table("id", "kind", "tenant", "state", "attempt", "age", "took", "error", keep=("id", "kind"))
    for record in records:
        rows.add_row(*_row(record))
    out.show(rows)


def _row(record: JobRecord) -> list[Text]:
    took = (record.finished_at - record.created_at).total_seconds() if record.finished_at else None
    return [
        Text(record.id),
        Text(safe_line(record.kind)),
        Text(record.tenant),
        Text(record.state, STATE_STYLES.get(record.state, "")),
        Text(str(record.attempt)),
        Text(age(record.created_at)),
        Text("" if took is None else shown_span(took)),
        Text(safe_line(record.error.code) if record.error else ""),
    ]


def cancel(
    job_id: JobId,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Kept with the job.")] = "cancelled by its owner",
    as_json: AsJson = False,
) -> None:
    """Withdraw a job that has not begun. Doing it again changes nothing.

    For example:

        backdesk cancel 4be0643f-1d98-473b-97ca-98a65347dd9c --reason "the customer wrote again"

    """
    out = Output(as_json=as_json)
    with connected() as client:
        client.cancel(job_id, reason)
    out.document({"job_id": job_id, "state": JobState.CANCELLED})
    out.line(f"cancelled {job_id}")

"""`backdesk watch`, `show` and `list`: what has become of a job."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated

import typer

from backdesk.cli.connection import connected
from backdesk.cli.errors import ExitCode
from backdesk.cli.options.moments import read_span
from backdesk.cli.options.pages import Cursor, Limit
from backdesk.cli.output import AsJson, Output
from backdesk.cli.views.events import event_line
from backdesk.cli.views.following import follow, subscribed
from backdesk.cli.views.holds import hold_text, state_text
from backdesk.cli.views.jobs import show_jobs
from backdesk.cli.views.pages import page_document, show_rest
from backdesk.cli.views.record import end_of, show_record
from backdesk.client.operations.lists import FieldSet
from backdesk.client.options import given
from backdesk.worker.errors import ResultTimeout
from backdesk.worker.model.events import JobEvent
from backdesk.worker.model.job import JobState

JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id.")]


def watch(
    job_id: JobId,
    after: Annotated[int, typer.Option(min=0, metavar="N", help="Begin after event number N.")] = 0,
    patience: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", help="How long to watch; then exit with 4. The job goes on."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Follow a job's events until it ends: those so far, then each as it comes.

    For example:

        backdesk watch 4be0643f-1d98-473b-97ca-98a65347dd9c --after 20

    With --json each event is one JSON object on a line of its own.

    """
    out = Output(as_json=as_json)
    seconds = None if patience is None else read_span("for", patience).total_seconds()
    deadline = None if seconds is None else time.monotonic() + seconds
    with connected() as client:
        record = client.get(job_id)
        if hold := hold_text(record):
            out.line(f"{state_text(record)}: {hold}", "yellow")
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
    """Show a job: its state, error or result, attempts, limits, family, and what it waits for with how to answer.

    For example:

        backdesk show 4be0643f-1d98-473b-97ca-98a65347dd9c --events

    With --json this is the record with its `children`; with --events its `log` holds the events.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        record = client.get(job_id)
        children = client.children(job_id)
        log = client.events(job_id) if events else []
    out.document(record.model_dump(mode="json") | {"children": children} | ({"log": log} if events else {}))
    show_record(record, out, children)
    show_log(log, out)


def show_log(log: Sequence[JobEvent], out: Output) -> None:
    """Print the events of a job, a line each."""
    if log:
        out.line("")
        out.line("log", "bold")
    for event in log:
        out.line(event_line(event))


def list_jobs(
    *,
    state: Annotated[JobState | None, typer.Option(help="Only jobs in this state.")] = None,
    tenant: Annotated[str | None, typer.Option(metavar="NAME", help="Only this tenant's jobs.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Only jobs of this kind.")] = None,
    code: Annotated[str | None, typer.Option(metavar="CODE", help="Only jobs that failed with this code.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    fields: Annotated[
        FieldSet, typer.Option(help="Whole records, or rows: without request and result, with a masked subject.")
    ] = "record",
    as_json: AsJson = False,
) -> None:
    """List the newest jobs: those of a tenant in any state by creation, else by their last change of state.

    For example:

        backdesk list --state running --kind support.request --limit 5
        backdesk list --tenant acme --code model_unavailable --fields row

    Beneath a job stands its error, or what it asks; of a row, its subject.

    With --json this is an object with `jobs`, and the `cursor` to go on behind them, null at the end. There may be more
    behind a page that is not `complete`: one call looks at 2,000 jobs.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        filters = given(state=state, tenant=tenant, kind=kind, code=code)
        page = client.list(**filters, limit=limit, cursor=cursor, fields=fields)
    out.document(page_document("jobs", page))
    if page:
        show_jobs(page, out)
    elif page.cursor is None:
        out.line("no jobs fit; submit one with: backdesk submit KIND")
    show_rest(page, out)

"""`backdesk cancel`: end jobs, and tell how each has ended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated

import typer

from backdesk.cli.connection import connected
from backdesk.cli.errors import ExitCode, report_on
from backdesk.cli.output import AsJson, Output
from backdesk.client import JobClient
from backdesk.worker.errors import BackdeskError, JobFailed, NotCancellable, ResultTimeout, StoreUnavailable
from backdesk.worker.model.job import JobState

#: How long the command stays with attempts that are being stopped; the store ends their jobs before that. Seconds.
PATIENCE_S = 12.0


def cancel(
    job_ids: Annotated[list[str], typer.Argument(metavar="ID", help="The jobs' ids.")],
    *,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Kept with the job.")] = "cancelled by its owner",
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until running jobs have ended, at most 12 s.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """End jobs that have not ended, whether they wait or run. Doing it again changes nothing.

    For example:

        backdesk cancel 4be0643f-1d98-473b-97ca-98a65347dd9c --reason "the customer wrote again"

    A running job is asked to stop, and ends within about a second as a rule; the jobs that it has called end with it.
    Exit code 2: a job was not there, or had ended otherwise; 4: one is still running. With --json this prints one
    object for each job: its `job_id` with its `state`, or with an `error`.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        states = dict(_ask(client, job_ids, reason))
        deadline = time.monotonic() + PATIENCE_S if wait else None
        codes = [_tell(client, job_id, asked, deadline, out) for job_id, asked in states.items()]
    if worst := max(codes):
        raise typer.Exit(worst)


def _ask(client: JobClient, job_ids: list[str], reason: str) -> Iterator[tuple[str, JobState | BackdeskError]]:
    """Ask all of them at once: none must wait for the end of another."""
    for job_id in job_ids:
        try:
            yield job_id, client.cancel(job_id, reason)
        except StoreUnavailable:
            raise
        except BackdeskError as error:
            yield job_id, error


def _tell(
    client: JobClient, job_id: str, asked: JobState | BackdeskError, deadline: float | None, out: Output
) -> ExitCode:
    state = asked
    if state is JobState.RUNNING and deadline is not None:
        state = _ended(client, job_id, deadline)
    if isinstance(state, JobState) and state not in {JobState.CANCELLED, JobState.RUNNING}:
        state = NotCancellable(job_id, state)  # it ended by itself before it could be stopped
    if isinstance(state, BackdeskError):
        report = report_on(state)
        out.refusal({"job_id": job_id}, report)
        return ExitCode(report.exit_code)
    out.document({"job_id": job_id, "state": state})
    if state is JobState.CANCELLED:
        out.line(f"cancelled {job_id}")
        return ExitCode.OK
    out.line(f"{job_id} is still running and was asked to stop; see: backdesk show {job_id}", "yellow")
    return ExitCode.OK if deadline is None else ExitCode.TIMED_OUT


def _ended(client: JobClient, job_id: str, deadline: float) -> JobState:
    with suppress(JobFailed, ResultTimeout):
        client.result(job_id, max(deadline - time.monotonic(), 0))
    return client.get(job_id).state

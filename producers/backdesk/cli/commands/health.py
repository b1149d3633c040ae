"""`backdesk health` and `backdesk workers`: whether the workers are well."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from backdesk.cli.connection import connected
from backdesk.cli.errors import CommandFailed, ExitCode
from backdesk.cli.options.moments import shown_span
from backdesk.cli.output import AsJson, Output, table
from backdesk.cli.safe_text import safe_line
from backdesk.cli.views.maintenance import notice_text
from backdesk.cli.views.record import age
from backdesk.client.deployment import find_deployment
from backdesk.client.operations.jobs import Announcements
from backdesk.worker.model.deployment import MaintenanceNotice
from backdesk.worker.model.health import HealthReport, WorkerFacts, read_report, reasons_against

if TYPE_CHECKING:
    from backdesk.cli.commands.deep_health import Deep


def health(
    worker: Annotated[str | None, typer.Option(metavar="NAME", help="Only the worker of this name.")] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Judge this health file instead; needs no Redis.")
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Ask the model too, what tools depend on, and how much is kept.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell whether the workers are well: they consume, their loops answer, their leases can be renewed.

    For example:

        backdesk health --worker agents@web-1
        backdesk health --file /tmp/backdesk-health.json
        backdesk health --deep --json | jq '.checks[] | select(.level != "ok")'

    Exits with 0 if all are well, with 1 if one is not or none is alive, with 3 if Redis cannot be reached. With --file
    it judges what the worker wrote into its BACKDESK_HEALTH_FILE, and how old that is: made for container probes.
    A maintenance is told, and is no illness. With --deep each model that is configured here is asked for a word, each
    server that a tool needs is looked for, those of tools that agents are given in code among them, and what Redis
    keeps is counted; it takes some seconds, and costs a few tokens.

    """
    if worker is not None and file is not None:
        raise typer.BadParameter("give either --worker or --file")
    if deep and file is not None:
        raise typer.BadParameter("a file knows of one worker alone; give --deep without it")
    out = Output(as_json=as_json)
    now = time.time()
    looked = _look_deep(out) if deep else None
    announced, notice = ([], None) if file else _announced(worker)
    if looked and not announced:
        looked = looked.and_no_worker(_nobody(worker))
    elif not announced and not file:
        listed = "`backdesk workers` lists those that are"
        raise CommandFailed("no_worker", f"{_nobody(worker)}; {listed}", ExitCode.FAILED)
    reports = [read_report(file, now)] if file else [HealthReport.of(one, now) for one in announced]
    well = all(report.healthy for report in reports) and (looked is None or looked.well)
    told = {"healthy": well, "workers": reports} | ({} if file else {"maintenance": notice})
    out.document(told | (looked.document() if looked else {}))
    if notice:
        out.line(notice_text(notice), "yellow")
    for report in reports:
        if report.worker is None or file:
            out.line(_sentence(report), "" if report.healthy else "bold red")
    _show([report.worker for report in reports if report.worker], out)
    if looked:
        looked.show(out)
    if not well:
        raise typer.Exit(ExitCode.FAILED)


def workers(as_json: AsJson = False) -> None:
    """List the live workers: what they run, and whether they are well.

    For example:

        backdesk workers --json | jq '.[].running'

    With --json this is one array of what each worker tells of itself.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        announced = client.workers()
    out.document(announced)
    if not announced:
        out.line("no worker is alive; start one with: backdesk worker agents, or everything with: backdesk up")
    _show(announced, out)


def _look_deep(out: Output) -> Deep:
    from backdesk.cli.commands.deep_health import look_deep  # noqa: PLC0415 - probes ask for health every few seconds

    deployment = find_deployment()
    with out.waiting("asking"), connected(deployment) as client:
        return look_deep(client, deployment)


def _announced(name: str | None) -> tuple[Announcements, MaintenanceNotice | None]:
    with connected() as client:
        notice = client.maintenance.get()
        announced = [worker for worker in client.workers() if name in {None, worker.name}]
    return announced, notice


def _nobody(name: str | None) -> str:
    return "no worker is alive" if name is None else f"no worker {name!r} is alive"


def _sentence(report: HealthReport) -> str:
    return "healthy" if report.healthy else f"unhealthy: {'; '.join(report.reasons)}"


def _show(announced: Announcements, out: Output) -> None:
    if not announced:
        return
    rows = table("name", "queues", "slots", "running", "loop lag", "state", "version", "since", keep=("name",))
    for worker in announced:
        rows.add_row(*_row(worker))
    out.show(rows)


def _row(worker: WorkerFacts) -> list[Text]:
    return [
        Text(safe_line(worker.name)),
        Text(", ".join(worker.slots)),
        Text(str(max(worker.slots.values(), default=0))),
        Text(str(worker.running)),
        Text(shown_span(worker.loop_lag_s)),
        _state(worker),
        Text(safe_line(worker.version)),
        Text(f"{age(worker.since)} ago" if worker.since else ""),
    ]


def _state(worker: WorkerFacts) -> Text:
    if reasons := reasons_against(worker):
        return Text("; ".join(reasons), "bold red")
    return Text("draining", "yellow") if worker.draining else Text("ok", "green")

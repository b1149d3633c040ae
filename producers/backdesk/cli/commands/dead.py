"""`backdesk dead`: the jobs that failed for good; look at them, do them again, forget them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import typer
from rich.text import Text

from backdesk.cli.commands.jobs import show_log
from backdesk.cli.connection import connected
from backdesk.cli.errors import CommandFailed, ExitCode, report_on
from backdesk.cli.options.dead import (
    MOST,
    AlsoReplayed,
    Code,
    Ids,
    Kind,
    Most,
    OfCategory,
    Since,
    Tenant,
    Yes,
    chosen,
    confirm,
    filters,
    told,
)
from backdesk.cli.options.moments import shown_span
from backdesk.cli.options.pages import Cursor, Limit
from backdesk.cli.options.request_source import read_source
from backdesk.cli.output import AsJson, Output, table
from backdesk.cli.safe_text import safe_line
from backdesk.cli.views.jobs import show_jobs
from backdesk.cli.views.pages import page_document, show_rest
from backdesk.cli.views.record import show_record
from backdesk.client import JobClient
from backdesk.client.operations.steps import Memory
from backdesk.worker.errors import BackdeskError, StoreUnavailable
from backdesk.worker.model.job import JobState

#: Dead letters dropped in one round trip.
DROPPED_AT_ONCE = 100


def list_dead(
    *,
    tenant: Tenant = None,
    kind: Kind = None,
    code: Code = None,
    category: OfCategory = None,
    since: Since = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    everything: AlsoReplayed = False,
    as_json: AsJson = False,
) -> None:
    """List the newest jobs that failed for good and were not replayed yet.

    For example:

        backdesk dead list --code model_unavailable --since 2h

    With --json this is an object with `jobs`, and the `cursor` to go on behind them, as of `backdesk list`.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        fitting = filters(tenant, kind, code, category, since)
        page = client.dead.list(**fitting, limit=limit, cursor=cursor, all=everything)
    out.document(page_document("jobs", page))
    if page:
        show_jobs(page, out)
    elif page.cursor is None:
        out.line("no dead letters fit")
    show_rest(page, out)


def show_dead(
    job_id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")], as_json: AsJson = False
) -> None:
    """Show a dead letter: why it failed, what was asked, all that happened, and what it had finished.

    For example:

        backdesk dead show 4be0643f-1d98-473b-97ca-98a65347dd9c

    With --json this is the record with its `log`, its `children`, and as `memory` what it had finished.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        record = client.get(job_id)
        if record.state is not JobState.FAILED:
            sentence = f"job {job_id} is {record.state}, no dead letter; see it with: backdesk show {job_id}"
            raise CommandFailed("not_dead", sentence, ExitCode.REFUSED)
        children, memory, log = client.children(job_id), client.memory(job_id), client.events(job_id)
    out.document(record.model_dump(mode="json") | {"children": children, "memory": memory, "log": log})
    show_record(record, out, children)
    _show_memory(memory, out)
    show_log(log, out)
    if not out.as_json and record.replayed_as is None:
        out.line("")
        out.line(f"do it again: backdesk dead replay {job_id}", "dim")


def replay(
    ids: Ids = None,
    *,
    tenant: Tenant = None,
    kind: Kind = None,
    code: Code = None,
    category: OfCategory = None,
    since: Since = None,
    limit: Most = MOST,
    begin: Annotated[
        Literal["checkpoint", "start"],
        typer.Option("--from", help="Keep what it has finished and was told, or do everything again."),
    ] = "checkpoint",
    request: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="Another request, for one job: as JSON, as @file, or as - to read it."),
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Do dead letters again, as new jobs with the same tenant, priority, metadata, time-out and retries.

    For example:

        backdesk dead replay 4be0643f-1d98-473b-97ca-98a65347dd9c --from start
        backdesk dead replay --code model_unavailable --since 2h

    From the checkpoint finished steps are not done again, and steps keep their idempotency keys. A replay that goes on
    or has succeeded is found again instead of a second one made. Exit code 2: one was refused. With --json this prints
    an object for each: its `origin` with the new `job_id`, or with an `error`.

    """
    out = Output(as_json=as_json)
    fitting = filters(tenant, kind, code, category, since)
    options: dict[str, Any] = {"resume": begin == "checkpoint"}
    if request is not None:
        if not ids or len(ids) != 1:
            raise CommandFailed("usage", "--request is for one job: give its id", ExitCode.REFUSED)
        options["request"] = read_source("request", request)
    with connected() as client:
        found = chosen(client, ids, fitting, limit)
        confirm(out, "Replay", ids, found, yes=yes)
        codes = [_replay(client, job_id, options, out) for job_id in told(found, "Replaying", out)]
    if len(codes) > 1:
        out.line(f"replayed {codes.count(ExitCode.OK)} of {len(codes)}")
    if worst := max(codes, default=ExitCode.OK):
        raise typer.Exit(worst)


def _replay(client: JobClient, job_id: str, options: dict[str, Any], out: Output) -> ExitCode:
    try:
        job = client.dead.replay(job_id, **options)
    except StoreUnavailable:
        raise
    except BackdeskError as error:
        report = report_on(error)
        out.refusal({"origin": job_id}, report)
        return ExitCode(report.exit_code)
    out.document({"origin": job_id, "job_id": job.id, "created": job.created})
    out.line(f"{'replayed' if job.created else 'was replayed before:'} {job_id} as {job.id}")
    return ExitCode.OK


def _show_memory(memory: Memory, out: Output) -> None:
    if not memory:
        return
    rows = table("finished", "what", "outcome", "effect", "took", "by or as", keep=("finished", "outcome", "effect"))
    for each in memory:
        took = "" if each.seconds is None else shown_span(each.seconds)
        cells = (each.type, each.key, each.outcome, each.effect, took, each.by or each.job_id)
        rows.add_row(*(Text(safe_line(cell)) for cell in cells))
    out.line("")
    out.show(rows)


def drop(
    ids: Ids = None,
    *,
    tenant: Tenant = None,
    kind: Kind = None,
    code: Code = None,
    category: OfCategory = None,
    since: Since = None,
    limit: Most = MOST,
    everything: AlsoReplayed = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Forget dead letters now, with their events and all that belongs to them, instead of after the retention.

    For example:

        backdesk dead drop --kind support.request --category validation

    Jobs that have not failed are left alone. With --json this prints how many were `dropped`.

    """
    out = Output(as_json=as_json)
    fitting = filters(tenant, kind, code, category, since)
    with connected() as client:
        found = chosen(client, ids, fitting, limit, everything=everything)
        confirm(out, "Drop", ids, found, yes=yes)
        parts = [found[at : at + DROPPED_AT_ONCE] for at in range(0, len(found), DROPPED_AT_ONCE)]
        dropped = sum(client.dead.drop(part) for part in told(parts, "Dropping", out))
    out.document({"dropped": dropped})
    out.line(f"dropped {dropped} of {len(found)}" if dropped < len(found) else f"dropped {dropped}")


#: The commands under `backdesk dead`, by name.
COMMANDS: dict[str, Callable[..., None]] = {"list": list_dead, "show": show_dead, "replay": replay, "drop": drop}

"""`backdesk pause` and `backdesk resume`: of kinds, queues, tenants and services nothing begins; a job waits."""

from __future__ import annotations

from typing import Annotated

import typer

from backdesk.cli.connection import connected
from backdesk.cli.options.limit_scopes import JobScope, read_scope
from backdesk.cli.options.login import login_name
from backdesk.cli.output import AsJson, Output
from backdesk.cli.views.pauses import pause_text
from backdesk.client import JobClient
from backdesk.worker.errors import InvalidRequest, UnknownKind
from backdesk.worker.model.job import JobState

SCOPES = "kind:K, tenant:T/kind:K, queue:Q, tenant:T, service:S or job:ID."
#: What one job is named by, where others name what begins.
_JOB = "job:"

ScopeText = Annotated[str, typer.Argument(metavar="SCOPE", help=SCOPES)]


def pause(
    scope: Annotated[
        str | None, typer.Argument(metavar="SCOPE", help=f"{SCOPES} Without one, what is paused is listed.")
    ] = None,
    *,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why, for whoever finds it.")] = "",
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who; the login name by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Let no job of a kind, a queue or a tenant begin, no call reach a service, or one job not go on, until `resume`.

    For example:

        backdesk pause kind:orders.audit --note "the ledger is being moved"
        backdesk pause queue:tools
        backdesk pause tenant:acme
        backdesk pause service:openai/gpt-4o
        backdesk pause job:0198f0c2-7d1e-7cc3-a7c8-3f6f8f1c2b11
        backdesk pause

    What runs already runs on, but for a single job: that one waits from its next checkpoint on, and holds no slot. Jobs
    are taken as before, and wait; those of a service are parked, or use its fallback.
    Limits that are set stay, and hold again afterwards. Without a scope this lists what is paused; with --json as one
    array. `top`, `doctor` and `show` tell it, too.

    """
    out = Output(as_json=as_json)
    if scope is None:
        if note or by:
            raise InvalidRequest("scope", "name what is to be paused, such as kind:orders.audit")
        _list(out)
        return
    by = login_name() if by is None else by
    if scope.startswith(_JOB):
        _pause_job(scope.removeprefix(_JOB), by, note, out)
        return
    what = _names(scope)
    with connected() as client:
        status = client.pauses.begin(**what, by=by, note=note)
        _warn_of_unknown(client, what.get("kind"), out)
    out.document(status)
    out.line(pause_text(status), "yellow")


def resume(scope: ScopeText, as_json: AsJson = False) -> None:
    """Let what was paused go on, within the limits that are set for it.

    For example:

        backdesk resume kind:orders.audit
        backdesk resume job:0198f0c2-7d1e-7cc3-a7c8-3f6f8f1c2b11

    """
    out = Output(as_json=as_json)
    if scope.startswith(_JOB):
        with connected() as client:
            was = client.resume(scope.removeprefix(_JOB), by=login_name())
        out.document({"resumed": was})
        out.line(f"{scope} goes on" if was else f"{scope} was not paused")
        return
    what = _names(scope)
    with connected() as client:
        was = client.pauses.end(**what)
    out.document({"resumed": was})
    out.line(f"{scope} goes on" if was else f"{scope} was not paused")


def _pause_job(job_id: str, by: str, note: str, out: Output) -> None:
    with connected() as client:
        state = client.pause(job_id, by=by, note=note)
    out.document({"job_id": job_id, "state": state})
    when = "at its next checkpoint" if state is JobState.RUNNING else "before it goes on"
    out.line(f"{_JOB}{job_id} pauses {when}; to go on: backdesk resume {_JOB}{job_id}", "yellow")


def _list(out: Output) -> None:
    with connected() as client:
        paused = client.pauses.list()
    out.document(paused)
    for status in paused:
        out.line(pause_text(status), "yellow")
    if not paused:
        out.line("nothing is paused")


def _warn_of_unknown(client: JobClient, kind: str | None, out: Output) -> None:
    """A kind may be paused before its first worker is there; in haste, it is a slip of the pen."""
    known = [contract.kind for contract in client.kinds()] if kind else []
    if kind and kind not in known:
        out.note(f"Warning: it is paused, but {UnknownKind(kind, known).reason}", "yellow")


def _names(text: str) -> dict[str, str | None]:
    """Return what is meant, as the client takes it. Raises InvalidRequest."""
    scope = read_scope(text, SCOPES.rstrip("."))
    if isinstance(scope, JobScope):
        return scope.names
    if scope.resource and (scope.key or scope.tenant):
        raise InvalidRequest("scope", f"{text!r}: a service is paused as a whole: service:{scope.resource}")
    return {"service": scope.resource} if scope.resource else {"tenant": scope.tenant}

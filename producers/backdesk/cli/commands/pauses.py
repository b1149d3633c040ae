"""`backdesk pause` and `backdesk resume`: nothing of a kind, a queue, a tenant or a service begins for now."""

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

SCOPES = "kind:K, tenant:T/kind:K, queue:Q, tenant:T or service:S."

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
    """Let no job of a kind, a queue or a tenant begin, or no call reach a service, until `resume`.

    For example:

        backdesk pause kind:orders.audit --note "the ledger is being moved"
        backdesk pause queue:tools
        backdesk pause tenant:acme
        backdesk pause service:openai/gpt-4o
        backdesk pause

    What runs already runs on. Jobs are taken as before, and wait; those of a service are parked, or use its fallback.
    Limits that are set stay, and hold again afterwards. Without a scope this lists what is paused; with --json as one
    array. `top`, `doctor` and `show` tell it, too.

    """
    out = Output(as_json=as_json)
    if scope is None:
        if note or by:
            raise InvalidRequest("scope", "name what is to be paused, such as kind:orders.audit")
        _list(out)
        return
    what = _names(scope)
    with connected() as client:
        status = client.pauses.begin(**what, by=login_name() if by is None else by, note=note)
        _warn_of_unknown(client, what.get("kind"), out)
    out.document(status)
    out.line(pause_text(status), "yellow")


def resume(scope: ScopeText, as_json: AsJson = False) -> None:
    """Let what was paused go on, within the limits that are set for it.

    For example:

        backdesk resume kind:orders.audit

    """
    out = Output(as_json=as_json)
    what = _names(scope)
    with connected() as client:
        was = client.pauses.end(**what)
    out.document({"resumed": was})
    out.line(f"{scope} goes on" if was else f"{scope} was not paused")


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

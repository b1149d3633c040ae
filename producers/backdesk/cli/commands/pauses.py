"""`backdesk pause` and `backdesk resume`: nothing of a kind, a queue, a tenant or a service begins for now."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from backdesk.cli.connection import connected
from backdesk.cli.options.limit_scopes import JobScope, read_scope
from backdesk.cli.output import AsJson, Output
from backdesk.cli.views.pauses import pause_text
from backdesk.worker.errors import InvalidRequest

ScopeText = Annotated[
    str, typer.Argument(metavar="SCOPE", help="kind:K, tenant:T/kind:K, queue:Q, tenant:T or service:S.")
]


def pause(
    scope: ScopeText,
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

    What runs already runs on. Jobs are taken as before, and wait; those of a service are parked, or use its fallback.
    Limits that are set stay, and hold again afterwards. `top`, `doctor` and `show` tell what is paused.

    """
    out = Output(as_json=as_json)
    what = _names(scope)
    with connected() as client:
        status = client.pauses.begin(**what, by=getpass.getuser() if by is None else by, note=note)
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


def _names(text: str) -> dict[str, str | None]:
    """Return what is meant, as the client takes it. Raises InvalidRequest."""
    scope = read_scope(text)
    if isinstance(scope, JobScope):
        return scope.names
    if scope.resource and (scope.key or scope.tenant):
        raise InvalidRequest("scope", f"{text!r}: a service is paused as a whole: service:{scope.resource}")
    return {"service": scope.resource} if scope.resource else {"tenant": scope.tenant}

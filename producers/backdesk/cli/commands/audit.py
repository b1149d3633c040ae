"""`backdesk audit`: who did what over HTTP, and with keys."""

from __future__ import annotations

from typing import Annotated

import typer

from backdesk.cli.connection import connected
from backdesk.cli.output import AsJson, Output
from backdesk.cli.views.access import show_audit
from backdesk.worker.model.audit import Part


def audit(
    tenant: Annotated[str | None, typer.Option(metavar="NAME", help="Only what callers of this tenant did.")] = None,
    part: Annotated[Part | None, typer.Option(help="Only these entries.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="How many at most.")] = 50,
    cursor: Annotated[str | None, typer.Option(metavar="TEXT", help="Go on behind a page.")] = None,
    as_json: AsJson = False,
) -> None:
    """List who did what over HTTP and with keys, from where, and what was refused; the newest first.

    For example:

        backdesk audit --part refusals

    With --json this is an object with the entries (`data`) and the `cursor` of the next page.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        page = client.audit.list(tenant=tenant, part=part, limit=limit, cursor=cursor)
    out.document({"data": list(page), "cursor": page.cursor})
    if len(page):
        show_audit(list(page), out)
    else:
        out.line("nothing yet")
    if page.cursor:
        out.note(f"to go on: --cursor {page.cursor}", "dim")

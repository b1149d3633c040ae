"""`backdesk asks`: what jobs ask of people."""

from __future__ import annotations

from typing import Annotated

import typer

from backdesk.cli.connection import connected
from backdesk.cli.options.moments import read_span
from backdesk.cli.options.pages import Cursor, Limit
from backdesk.cli.output import AsJson, Output
from backdesk.cli.views.open_asks import show_open_asks
from backdesk.cli.views.pages import page_document, show_rest


def asks(
    *,
    tenant: Annotated[str | None, typer.Option(metavar="NAME", help="Only what this tenant's jobs ask.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Only what jobs of this kind ask.")] = None,
    within: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only what is to be answered by then: 1h; 0 for what is late.")
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """List what jobs ask of people, the most urgent first, with the command that answers it.

    For example:

        backdesk asks --tenant acme
        backdesk asks --within 1h

    Jobs that wait for other jobs alone are not among them. With --json this is an object with `asks`, and the `cursor`
    to go on behind them, null at the end.

    """
    out = Output(as_json=as_json)
    span = None if within is None else read_span("within", within)
    with connected() as client:
        page = client.asks(tenant=tenant, kind=kind, within=span, limit=limit, cursor=cursor)
    out.document(page_document("asks", page))
    if page:
        show_open_asks(page, out)
    elif page.cursor is None:
        out.line("nothing is asked of people")
    show_rest(page, out)

"""`backdesk maintenance`: the notice that the deployment is under maintenance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from backdesk.cli.connection import connected
from backdesk.cli.options.moments import read_span
from backdesk.cli.output import AsJson, Output
from backdesk.cli.views.maintenance import notice_text
from backdesk.worker.model.deployment import checked_message, checked_span_s


def begin(
    message: Annotated[str, typer.Option("--message", "-m", metavar="TEXT", help="What customers are to know.")],
    span: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="For how long: 30m, 2h. Without it: until it is off.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell that the deployment is under maintenance. It informs; it does not stop work.

    For example:

        backdesk maintenance on --message "Payments are being moved. Refunds may take an hour longer." --for 30m

    Agents tell it to the customers that they serve; `top`, `health` and `doctor` show it. Jobs are taken and run as
    before: to pause some, see `backdesk pause --help`. Given again, it takes the place of the one before. With
    --json this prints the notice.

    """
    out = Output(as_json=as_json)
    for_ = None if span is None else read_span("for", span)
    checked_message(message)
    if for_ is not None:
        checked_span_s(for_)
    with connected() as client:
        notice = client.maintenance.begin(message, for_)
    out.document(notice)
    out.line(notice_text(notice), "yellow")


def end(as_json: AsJson = False) -> None:
    """Take the notice back, if there is one.

    For example:

        backdesk maintenance off

    """
    out = Output(as_json=as_json)
    with connected() as client:
        was = client.maintenance.end()
    out.document({"ended": was})
    out.line("the maintenance is over" if was else "there was no maintenance")


def show(as_json: AsJson = False) -> None:
    """Tell whether there is a maintenance, since when and until when.

    For example:

        backdesk maintenance show

    With --json this prints the notice, or null.

    """
    out = Output(as_json=as_json)
    with connected() as client:
        notice = client.maintenance.get()
    out.document(notice)
    out.line(notice_text(notice) if notice else "no maintenance", "yellow" if notice else "")


#: The commands under `backdesk maintenance`, by name.
COMMANDS: dict[str, Callable[..., None]] = {"on": begin, "off": end, "show": show}

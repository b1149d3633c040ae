"""`backdesk maintenance`: the notice that the deployment is under maintenance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import typer

from producers.cli.connection import connected
from producers.cli.moments import read_span
from producers.cli.output import AsJson, Output
from producers.cli.safe_text import safe_line
from worker.system import MaintenanceNotice, checked_message, checked_span_s


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
    before: to pause some, see `backdesk limits set --help`. Given again, it takes the place of the one before. With
    --json this prints the notice.

    """
    out = Output(as_json=as_json)
    for_ = None if span is None else read_span("for", span)
    checked_message(message)
    if for_ is not None:
        checked_span_s(for_)
    with connected() as client:
        notice = client.begin_maintenance(message, for_)
    out.document(notice)
    out.line(notice_text(notice), "yellow")


def end(as_json: AsJson = False) -> None:
    """Take the notice back, if there is one.

    For example:

        backdesk maintenance off

    """
    out = Output(as_json=as_json)
    with connected() as client:
        was = client.end_maintenance()
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
        notice = client.maintenance()
    out.document(notice)
    out.line(notice_text(notice) if notice else "no maintenance", "yellow" if notice else "")


def notice_text(notice: MaintenanceNotice) -> str:
    """Return a notice as one line, with its times in those of this machine."""
    end = f"until {_clock(notice.until)}" if notice.until else "until it is taken back"
    return f"under maintenance since {_clock(notice.since)}, {end}: {safe_line(notice.message)}"


def _clock(moment: datetime) -> str:
    here = moment.astimezone()
    return here.strftime("%H:%M" if here.date() == datetime.now().astimezone().date() else "%Y-%m-%d %H:%M")


#: The commands under `backdesk maintenance`, by name.
COMMANDS: dict[str, Callable[..., None]] = {"on": begin, "off": end, "show": show}

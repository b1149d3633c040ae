"""`backdesk series`: what ended minute by minute over the last hours."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from backdesk.cli.connection import connected
from backdesk.cli.options.moments import read_span, read_span_or_moment
from backdesk.cli.output import AsJson, Output
from backdesk.cli.views.series import series_table


class By(StrEnum):
    """What is told by itself."""

    KIND = "kind"
    QUEUE = "queue"


def series(
    *,
    since: Annotated[
        str, typer.Option(metavar="TIME", help="Of the last 1h, 48h, or from a moment in ISO 8601 on.")
    ] = "1h",
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Up to so long ago, or to a moment; without it up to now.")
    ] = None,
    step: Annotated[str, typer.Option(metavar="TIME", help="One line for so many minutes: 1m, 15m, 1h.")] = "5m",
    kind: Annotated[str | None, typer.Option(metavar="K", help="Only jobs of this kind.")] = None,
    queue: Annotated[str | None, typer.Option(metavar="Q", help="Only jobs of this queue.")] = None,
    by: Annotated[By | None, typer.Option(help="A line for each of these that had jobs.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show step by step how jobs ended, how long they waited and ran, and what they cost: over 48 hours at most.

    For example:

        backdesk series
        backdesk series --since 24h --step 1h --by kind
        backdesk series --since 30m --step 1m --kind support.request
        backdesk series --json | jq '.total[] | [.at, .jobs, .failed_share, .wait.p95]'

    A job counts in the minute in which it ends. Its wait is up to its first start, its run the time of all attempts;
    p50 and p95 are estimates from buckets that double. For whole days, and exacter, see backdesk stats. With --json
    this is one object.

    """
    out = Output(as_json=as_json)
    asked = read_span_or_moment("since", since)
    end = None if until is None else read_span_or_moment("until", until)
    with connected() as client:
        found = client.series(
            since=asked, until=end, step=read_span("step", step), kind=kind, queue=queue, by=by.value if by else None
        )
    out.document(found)
    if not any(point.jobs for point in found.total):
        out.line(f"no job like that has ended from {found.since:%d %H:%M} to {found.until:%d %H:%M} UTC")
        return
    out.show(series_table(found, width=out.console.width))
